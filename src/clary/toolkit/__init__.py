"""What runs inside a job: only the standard library, from Python 3.6 on, and nothing of Clary.

    train.py        `python train.py` turns into the user's program, as a script-mode image's `train` does
    warm.py         an interpreter that has the framework imported, and waits for its job
    environment.py  the `SM_*` family and the program's arguments, from /opt/ml/input/config
    source.py       the submitted archive, unpacked; what in it is to be run
    distributed.py  how an estimator's `distribution=` starts the program on several hosts
    mpi.py          how mpirun on the first host reaches the others
    pipes.py        feeds Pipe channels, beside the program
    serve_program.py  brings requests to a program that serves on a port of its own
    serve*.py       `python serve.py` turns into a model server; its page is the module's docstring

Annotations are quoted because old interpreters would evaluate them.
"""
