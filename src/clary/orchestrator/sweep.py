"""At start: folders of jobs that ended, and of endpoints that went, while nobody could take them away."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from clary.domain.jobs import phase
from clary.engines.ports import Engine
from clary.orchestrator.endpoints.house import SERVED, endpoint_root
from clary.orchestrator.layout import JobFiles
from clary.storage.ports import Resource, Store


def jobs(home: Path, store: Store) -> None:
    root = home / "jobs"
    if not root.is_dir():
        return
    folders = {path for path in root.iterdir() if path.is_dir()}
    if folders:
        folders -= set(_in_use(home, store))
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def endpoints(home: Path, store: Store, engine: Engine) -> None:
    """Those of transform jobs too. What still runs in them ends."""
    folders = {path for kind in SERVED.values() for path in (home / kind).glob("*") if path.is_dir()}
    if folders:
        folders -= {endpoint_root(home, row) for row in _under_way(store) if row.kind in SERVED}
    for folder in folders:
        asyncio.run(_end(engine, sorted(folder.glob("**/run"))))
        shutil.rmtree(folder, ignore_errors=True)


async def _end(engine: Engine, runs: list[Path]) -> None:
    for run in runs:
        state = {"engine": engine.name, "key": str(run), "run_dir": str(run)}
        await engine.signal(state, "SIGKILL")
        await engine.wait(state)


def _in_use(home: Path, store: Store) -> list[Path]:
    return [JobFiles.of(home, job).root for job in _under_way(store) if phase(job) != "end"]


def _under_way(store: Store) -> list[Resource]:
    """Rows with something left to do. An endpoint's is to be hosted, for as long as it lives."""
    with store.read() as tx:
        arns = {effect.arn for effect in tx.outbox.due(float("inf"), limit=1_000_000)}
        found = [tx.resources.find(arn) for arn in arns]
    return [row for row in found if row is not None]
