"""What an engine adds to starting a program: launch to its first line, and launch to its end known.

Beside a plain subprocess of the same interpreter and the same script, in interleaved rounds of one run, because
only ratios of one run count. The toolkit's row is a whole script-mode start: two interpreters, an archive.

    python benchmarks/jobs_engine.py [ROUNDS]
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

from clary.engines import TOOLKIT, toolkit_path, train_command
from clary.engines.ports import ContainerSpec, Mount
from clary.engines.process import ProcessEngine
from clary.engines.sandbox import sandbox_report

SCRIPT = "import time; print(time.time(), flush=True)"
Timing = tuple[float, float]
"""Seconds from the start to the first line as the program saw it, and to its end as we did."""


async def plain(_folder: Path) -> Timing:
    began = time.time()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SCRIPT, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    return float(said) - began, time.time() - began


def through(sandbox: str, toolkit: bool) -> Callable[[Path], Awaitable[Timing]]:
    async def timed(folder: Path) -> Timing:
        engine = ProcessEngine(folder, sandbox=sandbox)  # type: ignore[arg-type]
        spec = ContainerSpec(
            "job",
            train_command(Path(sys.executable)) if toolkit else (sys.executable, "-c", SCRIPT),
            folder / "run",
            (Mount(folder / "ml", "/opt/ml", writable=True), Mount(toolkit_path(), TOOLKIT), *interpreter()),
            cwd="/opt/ml",
        )
        began = time.time()
        async for state in engine.launch(spec):  # noqa: B007 - the last one stands
            pass
        await engine.wait(state)
        ended = time.time()
        return float(engine.log_path(state).read_text().split()[1]) - began, ended - began

    return timed


def interpreter() -> list[Mount]:
    return [Mount(Path(p), p) for p in {sys.prefix, sys.base_prefix} if not p.startswith("/usr")]


def make(folder: Path) -> None:
    """A job's folder with a source archive, as the orchestrator leaves it."""
    for name in ("input/config", "input/source"):
        (folder / "ml" / name).mkdir(parents=True)
    (folder / "ml/input/config/hyperparameters.json").write_text(json.dumps({"sagemaker_program": '"a.py"'}))
    (folder / "a.py").write_text(SCRIPT)
    with tarfile.open(folder / "ml/input/source/sourcedir.tar.gz", "w:gz") as tar:
        tar.add(folder / "a.py", "a.py")


async def main(rounds: int) -> None:
    ways = {"subprocess": plain, "plain": through("never", False)}
    if sandbox_report().bwrap:
        ways["sandbox"] = through("always", False)
        ways["sandbox+toolkit"] = through("always", True)
    timings: dict[str, list[Timing]] = defaultdict(list)
    for number in range(rounds + 1):
        for name, way in ways.items():
            folder = Path(tempfile.mkdtemp())
            make(folder)
            timing = await way(folder)
            shutil.rmtree(folder)
            if number:  # the first round warms caches
                timings[name].append(timing)
    floor = [statistics.median(column) for column in zip(*timings["subprocess"], strict=True)]
    print(f"{'':18}{'first line':>16}{'end known':>16}   ({rounds} rounds, medians, ratio to subprocess)")
    for name, found in timings.items():
        first, end = (statistics.median(column) for column in zip(*found, strict=True))
        print(
            f"{name:18}{first * 1000:8.1f} ms {first / floor[0]:4.1f}{end * 1000:8.1f} ms {end / floor[1]:4.1f}"
        )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
