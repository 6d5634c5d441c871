"""What an invocation costs: Clary beside its floor, the handler without a server between, and its peers, in one run.

    python benchmarks/serving.py [--rounds 7] [--peers] [--only NAME ...] [--python PYTHON]

    bare      the handler inside an ASGI application on uvicorn
    hop       the floor: a signature check and a hop over a Unix socket to two workers, nothing else
    clary     an endpoint of two workers on `clary serve`, invoked with signed requests
    --peers   LitServe, MLServer, BentoML and Ray Serve, with the same handler; one that cannot be had is named

What is needed is made with uv under .cache: an environment for the handler (or PYTHON, which has scikit-learn and
uvicorn) and one for each peer. Requests are written once and sent over kept connections; CPU is that of all of a
server's processes, the model's included, at c=8. The last lines say what PERFORMANCE.md asks for.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from peers import environment, free_port, started
from servers import floor
from servers import peers as others
from servers.endpoint import endpoint, signed
from servers.handler import BYTES, CSV, LARGE, ROW, train
from servers.measure import Target, holding, report, rounds

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--only", action="append", default=[], help="these peers; may be given several times")
    parser.add_argument("--python", default="")
    options = parser.parse_args()
    python = options.python or str(environment("serving"))
    wanted = options.only or (list(others.PEERS) if options.peers else [])
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        train(folder, python)
        targets: dict[str, Target] = {}
        for server in ("bare", "hop"):
            url, pid = stack.enter_context(simple(server, python, folder))
            targets[server] = target(url, lambda pid=pid: [pid], floor.KEY, floor.SECRET)  # type: ignore[misc]
        served = stack.enter_context(endpoint(folder, python))
        print(f"InService after {served.seconds:.2f} s: the environment is there, scikit-learn is imported")
        targets["clary"] = target(served.url, partial(holding, folder / "home"), served.key, served.secret)
        for peer in wanted:
            try:
                url, request, pid = stack.enter_context(others.serving(peer, folder))
            except others.NotMeasured as error:
                print(f"{peer} is not measured: {error}")
                continue
            targets[peer] = Target(url, lambda pid=pid: [pid], lambda request=request: request)  # type: ignore[misc]
        report(rounds(targets, options.rounds), list(targets), "clary")


def target(url: str, pids: Callable[[], Sequence[int]], key: str, secret: str) -> Target:
    return Target(
        url, pids, lambda: signed(url, CSV, ROW, key, secret), lambda: signed(url, BYTES, LARGE, key, secret)
    )


@contextmanager
def simple(name: str, python: str, folder: Path) -> Iterator[tuple[str, int]]:
    """`bare` or `hop`: its URL and its process."""
    port = free_port()
    program = [python, "-m", "servers.floor", name, str(port), str(folder)]
    url = f"http://127.0.0.1:{port}/invocations"
    with started(program, port, PYTHONPATH=f"{HERE}:{HERE.parent / 'src'}", OMP_NUM_THREADS="1") as pid:
        others.await_answer(url, signed(url, CSV, ROW, floor.KEY, floor.SECRET))
        yield url, pid


if __name__ == "__main__":
    main()
