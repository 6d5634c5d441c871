"""Sends what a job made to S3: archives of its folders, or loose files."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from clary.orchestrator.layout import JobFiles
from clary.orchestrator.sources import split
from clary.storage.objects import ObjectStore
from clary.storage.ports import Resource


def upload(job: Resource, hosts: Sequence[JobFiles], objects: ObjectStore, *, model: bool) -> str | None:
    """The URI of the model's artifact. Idempotent. `model` False: only `/opt/ml/output/data`.

    What several hosts made is put together; of two files of one name, the first host's stays. An empty
    `/opt/ml/model` makes an empty model.tar.gz, as on AWS: clients ask for it by its name.
    """
    output = job.spec["OutputDataConfig"]
    bucket, prefix = split(output["S3OutputPath"])
    base = "/".join(part for part in (prefix.strip("/"), job.name, "output") if part)
    loose = output.get("CompressionType") == "NONE"
    scratch = hosts[0].scratch
    uri = None
    if model:
        folders = made(hosts, "model")
        uri = send(folders, bucket, f"{base}/model", scratch, objects, loose=loose)
    folders = made(hosts, "output/data")
    if any(map(has_files, folders)):
        send(folders, bucket, f"{base}/output", scratch, objects, loose=loose)
    return uri


def made(hosts: Sequence[JobFiles], path: str) -> list[Path]:
    """The hosts' folders of that path below /opt/ml, where they are."""
    found = [files.made(path) for files in hosts]
    return [folder for folder in found if folder is not None and folder.is_dir()]


def send(
    folders: Sequence[Path], bucket: str, key: str, scratch: Path, objects: ObjectStore, *, loose: bool
) -> str:
    if loose:
        for name, path in merged(folders):
            if path.is_file() and not path.is_symlink():
                objects.put_file(bucket, f"{key}/{name}", path)
        return f"s3://{bucket}/{key}/"
    archive = scratch / f"{key.rsplit('/', 1)[-1]}.tar.gz"
    with gzip.open(archive, "wb", compresslevel=6) as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for name, path in merged(folders):
            tar.add(path, arcname=name, recursive=False)
    objects.put_file(bucket, f"{key}.tar.gz", archive)
    archive.unlink()
    return f"s3://{bucket}/{key}.tar.gz"


def merged(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """All that lies in the folders, by its name in them; the first of a name wins."""
    seen: set[str] = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if name not in seen:
                seen.add(name)
                yield name, path


def has_files(folder: Path) -> bool:
    return any(folder.iterdir())
