"""The process that outlives the server: it runs one program, once, and writes down how that ended.

It is started for every run, so it must start fast: it imports only what it needs of the standard library
(no `json`, no `subprocess`) and nothing of Clary outside this folder.

    main.py     claims the run, then turns between output, requests and deadlines until the program is gone
    program.py  starts, stops and reaps the program, in a sandbox or as a plain session
    output.py   the log: lines with their time, cut and capped

What it keeps in the run's folder, and what that means to whoever looks:

    supervisor/          appears in one rename: from then on the key has started and never starts again
    supervisor/started   when, and the supervisor's own pid: `{"started": 1795458837.2, "pid": 4711}`
    supervisor/alive     a FIFO that it holds open for writing: a reader sees end-of-file as soon as it is
                         gone, however it went. The kernel keeps this, so neither a reused pid nor a power
                         cut can lie about it
    supervisor/control   a FIFO that it reads: `T` asks it to stop the program, `K` to kill it
    supervisor/errors    its own traceback, should it have a fault
    log                  the program's output
    exit.json            how it ended; written, synced and renamed before `alive` closes
"""
