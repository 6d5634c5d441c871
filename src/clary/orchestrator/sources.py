"""Which objects an input means: all under a prefix, or those of a manifest; whole or a host's share of them."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from clary.storage.objects import NoSuchBucket, NoSuchKey, ObjectStore
from clary.storage.ports import Resource


class DownloadError(Exception):
    """Data cannot be had; the message is the job's FailureReason."""


@dataclass(frozen=True, slots=True)
class Item:
    bucket: str
    key: str
    name: str
    """Its path below the input's folder."""


def items(job: Resource, uri: str, data_type: str, objects: ObjectStore) -> list[Item]:
    """In the order of the keys, or of the manifest. Raises `DownloadError` when there are none."""
    bucket, prefix = split(uri)
    if data_type == "ManifestFile":
        found = manifest(objects, bucket, prefix)
    else:
        found = [Item(bucket, key, relative(key, prefix)) for key in keys(objects, bucket, prefix)]
    if not found:
        raise DownloadError(
            f'ClientError: Data download failed: No S3 objects found under S3 URL "{uri}" given in input data source. '
            f"Please ensure that the bucket exists in the selected region ({job.region}), that objects exist under "
            f'that S3 prefix, and that the role "{job.spec["RoleArn"]}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )
    return found


def share(found: Sequence[Item], distribution: str, index: int, count: int) -> list[Item]:
    """What host `index` of `count` gets: all, or every `count`th of the keys in order."""
    if distribution != "ShardedByS3Key":
        return list(found)
    return sorted(found, key=lambda item: item.key)[index::count]


def fetch(
    found: Sequence[Item], target: Path, objects: ObjectStore, *, gunzip: bool, link: bool = False
) -> None:
    """Files in `target`, which is made. `link`: hard links to the objects' bytes where that can be, for a folder
    that the program cannot write to. Idempotent. Raises `DownloadError`."""
    target.mkdir(parents=True, exist_ok=True)
    root = target.resolve()
    for item in found:
        path = (root / item.name).resolve()
        if not path.is_relative_to(root):
            raise DownloadError(
                f"ClientError: the key s3://{item.bucket}/{item.key} would leave its input's folder."
            )
        if path.is_dir():
            raise DownloadError(
                f"ClientError: s3://{item.bucket}/{item.key} is both a file and the folder of other objects."
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise DownloadError(
                f"ClientError: a folder of s3://{item.bucket}/{item.key} is an object of its own."
            ) from None
        try:
            (objects.link if link else objects.fetch)(item.bucket, item.key, path)
        except (NoSuchBucket, NoSuchKey):
            raise DownloadError(f"ClientError: s3://{item.bucket}/{item.key} does not exist.") from None
        if gunzip and path.suffix == ".gz":
            with gzip.open(path, "rb") as packed, path.with_suffix("").open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
            path.unlink()


def manifest(objects: ObjectStore, bucket: str, key: str) -> list[Item]:
    """Each entry of `[{"prefix": "s3://b/p/"}, "a.csv", ...]`. Raises `DownloadError`."""
    if not exists(objects, bucket, key):
        raise DownloadError(
            f"ClientError: Data download failed: the manifest s3://{bucket}/{key} does not exist."
        )
    try:
        entries = json.loads(objects.read_bytes(bucket, key))
        base_bucket, base = split(entries[0]["prefix"])
        return [Item(base_bucket, base + name, name) for name in entries[1:]]
    except (ValueError, LookupError, TypeError) as error:
        raise DownloadError(f"ClientError: s3://{bucket}/{key} is not a manifest: {error!r}.") from error


def keys(objects: ObjectStore, bucket: str, prefix: str) -> list[str]:
    """Objects under a prefix, folders' markers left out."""
    try:
        return [record.key for record in objects.list(bucket, prefix) if not record.key.endswith("/")]
    except NoSuchBucket:
        return []


def exists(objects: ObjectStore, bucket: str, key: str) -> bool:
    try:
        return objects.find(bucket, key) is not None
    except NoSuchBucket:
        return False


def relative(key: str, prefix: str) -> str:
    """Where AWS puts a key of a prefix: `data/train` gives `data/train/a` -> `a`, `data/train.csv` -> `train.csv`."""
    if key == prefix:
        return key.rsplit("/", 1)[-1]
    rest = key[len(prefix) :]
    if prefix == "" or prefix.endswith("/"):
        return rest
    if rest.startswith("/"):
        return rest[1:]
    return key[prefix.rfind("/") + 1 :]


def split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri, allow_fragments=False)
    return parts.netloc, parts.path.lstrip("/")
