"""Endpoints at work: what `domain.endpoint` decides, done.

    machine.py     the reconciler's machine for kind Endpoint: one `host` effect for as long as an endpoint lives
    baking.py      what an update waits for, and the alarms that turn it back
    fleet.py       one deployment: its variants, with the route, meters and data capture that they share
    running.py     a variant at work: its stages, scaled together, asleep while nobody calls
    stage.py       one container of a variant, on the variant's instances
    instance.py    one container: started, watched, started again when it ends
    names.py       of runs, log groups and streams
    container.py   what an engine is told of it; model_data.py: model and code, fetched
    program.py     images with a server of their own; reach.py: their way out of a network for themselves
    pipeline.py    several containers behind one variant: in a row, or each by its name
    many.py        models of an endpoint with many, fetched as they are asked for
    pool.py        a stage's workers: who is idle, who waits; worker.py: one of them
    connection.py  HTTP/1.1 to one worker over its Unix socket; streaming.py: an answer in pieces
    many_pool.py   their workers: whose model is loaded where
    transforms.py  batch transform; asynchronous.py: invocations whose answer goes to S3
    resuming.py    routes for a server that starts, until its workers are found again
    capture.py     data capture, to objects in AWS's format
    meter.py       CloudWatch's metrics of calls; backlog.py: of a queue

An endpoint takes no room from jobs: its workers wait most of their time, and share the machine by the kernel's
scheduling. A job is never kept waiting by an endpoint.
"""
