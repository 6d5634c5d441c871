"""Turns into a model server, as `serve` does in AWS's images: loads the model once and keeps workers at it.

    serve.py             this: the master, which loads, forks workers, brings back those that died
    serve_http.py        one connection's requests, one after the other
    serve_batch.py       several requests with one prediction, where that is asked for; serve_stack.py: how
    serve_many.py        one model, or many that are loaded as they are asked for
    serve_script.py      the user's functions (`model_fn`, ...) or the framework's own, as a handler
    serve_frameworks.py  what a framework's images do where the user wrote nothing; serve_tensorflow.py with
                         serve_tfs.py, and serve_huggingface.py, for those
    serve_codecs.py      JSON, CSV and NPY

Each worker listens on a Unix socket of its own, `N.sock` in the folder CLARY_SERVE, that the master holds open:
while a worker is brought back its callers wait in the socket's queue, and none is refused. `control.sock` takes
`kill N`, for a worker that hangs. Whoever calls keeps one connection to each worker, so a worker never has more
than one request at a time, and queueing is the caller's.

Workers are forked from the loaded model: they share its memory, and one that died is back in milliseconds. A
model that has started threads of its own cannot be forked; then each worker loads it for itself.
"""

import os
import select
import signal
import socket
import sys
import time
import traceback

if not __package__:  # run as a script: the user's modules must not be hidden by this folder's, nor Clary's
    _here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != _here]
    sys.path.insert(0, os.path.dirname(_here))
    __package__ = "toolkit"
    import toolkit  # type: ignore[import-not-found]  # noqa: F401

    from . import serve_batch, serve_http, serve_many, serve_sockets

    sys.path.pop(0)
else:
    from . import serve_batch, serve_http, serve_many, serve_sockets

LONGEST_BACK_OFF = 30.0
STEADY = 10.0
"""Seconds after which a worker's death no longer counts as a failure to start."""
THREADED = ("tensorflow",)
"""Frameworks whose models always start threads: trying costs one more import of several seconds."""
LOADED_BY_WORKERS = "CLARY_SERVE_LOADED_BY_WORKERS"


def main() -> None:
    folder = os.environ.get("CLARY_SERVE", "/opt/clary/serve")
    apart = os.environ.get(LOADED_BY_WORKERS) == "1" or os.environ.get("CLARY_FRAMEWORK") in THREADED
    try:
        handler = None if apart else serve_many.load()
    except Exception:
        traceback.print_exc()
        sys.stderr.write("The model could not be loaded.\n")
        sys.exit(1)
    if handler is not None and threads() > 1:
        os.environ[LOADED_BY_WORKERS] = "1"
        os.execv(sys.executable, [sys.executable, "-u", os.path.abspath(__file__)])
    Master(folder, handler, int(os.environ.get("CLARY_SERVE_WORKERS") or 1)).run()


def threads() -> int:
    """Of this process, those of libraries in C included."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 2  # not known: better apart


class Worker:
    def __init__(self, number: int, listener: "socket.socket") -> None:
        self.number, self.listener = number, listener
        self.pid = 0
        self.started = self.due = 0.0
        self.failures = 0


class Master:
    def __init__(self, folder: str, handler: "object", count: int) -> None:
        self.handler = handler
        self.workers = [
            Worker(number, serve_sockets.listen(folder, "%d.sock" % number)) for number in range(count)
        ]
        self.control = serve_sockets.listen(folder, "control.sock")
        self.woken, self.wake = os.pipe()
        self.stopping = False

    def run(self) -> None:
        os.set_blocking(self.wake, False)
        os.set_blocking(self.woken, False)
        signal.set_wakeup_fd(self.wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        while not (self.stopping and all(not worker.pid for worker in self.workers)):
            now = time.monotonic()
            for worker in self.workers:
                if not worker.pid and worker.due <= now and not self.stopping:
                    self.start(worker)
            due = [worker.due - now for worker in self.workers if not worker.pid and not self.stopping]
            sources = [self.woken, self.control.fileno()]
            readable = select.select(sources, [], [], max(0.0, min(due)) if due else None)[0]
            if self.woken in readable:
                os.read(self.woken, 4096)
            self.reap()
            if sources[1] in readable:
                self.obey()

    def stop(self, *_: object) -> None:
        self.stopping = True
        for worker in self.workers:
            if worker.pid:
                os.kill(worker.pid, signal.SIGTERM)

    def start(self, worker: Worker) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        worker.started = time.monotonic()
        worker.pid = os.fork()
        if worker.pid:
            return
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for other in self.workers:
                if other is not worker:
                    other.listener.close()
            self.control.close()
            handler = self.handler or serve_many.load()
            together = serve_batch.size() > 1 and not isinstance(handler, serve_many.ManyModels)
            serve = serve_batch.serve if together else serve_http.serve
            serve(worker.listener, handler)
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for worker in self.workers:
                if worker.pid == pid:
                    self.ended(worker, status)

    def ended(self, worker: Worker, status: int) -> None:
        now = time.monotonic()
        worker.pid = 0
        if self.stopping:
            return
        if status == 0:  # it made room for a fresh one
            worker.failures, worker.due = 0, now
            return
        worker.failures = 1 if now - worker.started > STEADY else worker.failures + 1
        pause = 0.0 if worker.failures == 1 else min(LONGEST_BACK_OFF, 0.1 * 2 ** min(worker.failures, 12))
        worker.due = now + pause
        how = (
            "signal %d" % os.WTERMSIG(status)
            if os.WIFSIGNALED(status)
            else "code %d" % os.WEXITSTATUS(status)
        )
        hint = ", perhaps for lack of memory" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == 9 else ""
        sys.stderr.write(
            "Worker %d ended with %s%s; it is started again in %.1f s.\n" % (worker.number, how, hint, pause)
        )
        sys.stderr.flush()

    def obey(self) -> None:
        connection, _ = self.control.accept()
        try:
            connection.settimeout(1.0)
            words = connection.recv(64).decode().split()
            if len(words) == 2 and words[0] == "kill":
                worker = self.workers[int(words[1])]
                if worker.pid:
                    sys.stderr.write("Worker %d did not answer in time and is killed.\n" % worker.number)
                    os.kill(worker.pid, signal.SIGKILL)
            connection.sendall(b"done\n")
        except (OSError, ValueError, IndexError) as error:
            sys.stderr.write("control: %r\n" % (error,))
        finally:
            connection.close()


if __name__ == "__main__":
    main()
