"""Sends what a job made to its S3OutputPath: model.tar.gz and output.tar.gz, or loose files."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

from clary.orchestrator.channels import split
from clary.orchestrator.layout import JobFiles
from clary.storage.objects import ObjectStore
from clary.storage.ports import Resource


def upload(job: Resource, files: JobFiles, objects: ObjectStore, *, model: bool) -> str | None:
    """The URI of the model's artifact. Idempotent. `model` False: only `/opt/ml/output/data`.

    An empty `/opt/ml/model` makes an empty model.tar.gz, as on AWS: clients ask for it by its name.
    """
    output = job.spec["OutputDataConfig"]
    bucket, prefix = split(output["S3OutputPath"])
    base = "/".join(part for part in (prefix.strip("/"), job.name, "output") if part)
    loose = output.get("CompressionType") == "NONE"
    uri = None
    if model:
        uri = send(files.ml / "model", bucket, f"{base}/model", files.root, objects, loose=loose)
    if has_files(files.ml / "output" / "data"):
        send(files.ml / "output" / "data", bucket, f"{base}/output", files.root, objects, loose=loose)
    return uri


def send(folder: Path, bucket: str, key: str, scratch: Path, objects: ObjectStore, *, loose: bool) -> str:
    if loose:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                objects.put_file(bucket, f"{key}/{path.relative_to(folder).as_posix()}", path)
        return f"s3://{bucket}/{key}/"
    archive = scratch / f"{key.rsplit('/', 1)[-1]}.tar.gz"
    with gzip.open(archive, "wb", compresslevel=6) as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)
    objects.put_file(bucket, f"{key}.tar.gz", archive)
    archive.unlink()
    return f"s3://{bucket}/{key}.tar.gz"


def has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
