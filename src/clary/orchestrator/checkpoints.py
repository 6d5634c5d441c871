"""A training job's checkpoints: in S3 while it trains, back in its folder when it starts (again).

Without a CheckpointConfig the folder is an ordinary one that goes with the job. Hosts share the S3 prefix, as
on AWS: what they write under one name overwrites each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from clary.engines.ports import Mount
from clary.orchestrator.layout import JobFiles
from clary.orchestrator.mirror import Mirror
from clary.orchestrator.sources import Item, fetch, keys, split
from clary.storage.objects import ObjectStore
from clary.storage.ports import Resource

DEFAULT = "/opt/ml/checkpoints"
FOLDER = "checkpoints"


def restore(job: Resource, files: JobFiles, objects: ObjectStore) -> None:
    """Idempotent. Raises `DownloadError`."""
    config = job.spec.get("CheckpointConfig")
    if not config:
        return
    bucket, prefix = split(config["S3Uri"])
    base = prefix.rstrip("/") + "/" if prefix else ""
    found = [Item(bucket, key, key.removeprefix(base)) for key in keys(objects, bucket, base)]
    fetch(found, files.ml / FOLDER, objects, gunzip=False)


def mounts(job: Resource, files: JobFiles) -> list[Mount]:
    """The folder once more, where LocalPath wants it elsewhere."""
    path = job.spec.get("CheckpointConfig", {}).get("LocalPath", DEFAULT).rstrip("/")
    return [] if path == DEFAULT else [Mount(files.ml / FOLDER, path, writable=True)]


def mirrors(job: Resource, hosts: Sequence[JobFiles]) -> list[Mirror]:
    config = job.spec.get("CheckpointConfig")
    if not config:
        return []
    folders = [files.made(FOLDER) for files in hosts]
    return [Mirror(folder, config["S3Uri"]) for folder in folders if folder is not None]
