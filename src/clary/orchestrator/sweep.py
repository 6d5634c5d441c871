"""At start: folders of jobs that ended while nobody could take them away."""

from __future__ import annotations

import shutil
from pathlib import Path

from clary.domain.jobs import phase
from clary.orchestrator.layout import JobFiles
from clary.storage.ports import Store


def jobs(home: Path, store: Store) -> None:
    root = home / "jobs"
    if not root.is_dir():
        return
    folders = {path for path in root.iterdir() if path.is_dir()}
    if folders:
        folders -= set(_in_use(home, store))
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _in_use(home: Path, store: Store) -> list[Path]:
    with store.read() as tx:
        arns = {effect.arn for effect in tx.outbox.due(float("inf"), limit=1_000_000)}
        found = [tx.resources.find(arn) for arn in arns]
    return [JobFiles.of(home, job).root for job in found if job is not None and phase(job) != "end"]
