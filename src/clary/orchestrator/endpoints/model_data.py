"""What a container is to serve, fetched from S3: a model's archive or loose objects, and the submitted script."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path

from clary.storage.objects import NoSuchBucket, NoSuchKey, ObjectStore
from clary.storage.ports import Document

SUBMITTED = "SAGEMAKER_SUBMIT_DIRECTORY"
"""Where a script lies: in S3, to be fetched, or in the model's archive."""


class ModelError(Exception):
    """A model cannot be served; the message is the endpoint's FailureReason."""


def fetch(container: Document, objects: ObjectStore, model: Path, code: Path) -> None:
    """The container's model into the folder `model`, its submitted script into `code`. Raises `ModelError`."""
    if container.get("Mode") != "MultiModel":
        source = container.get("ModelDataSource", {}).get("S3DataSource")
        if source is not None:
            fetch_model(
                objects,
                source["S3Uri"],
                source["S3DataType"] == "S3Prefix",
                source["CompressionType"],
                model,
            )
        elif container.get("ModelDataUrl"):
            fetch_model(objects, container["ModelDataUrl"], False, "Gzip", model)
    submitted = container.get("Environment", {}).get(SUBMITTED, "")
    if submitted.startswith("s3://"):
        fetch_model(objects, submitted, False, "Gzip", code, "source archive")


def fetch_model(
    objects: ObjectStore,
    uri: str,
    prefix: bool,
    compression: str,
    target: Path,
    what: str = "model data archive",
) -> None:
    """An archive unpacked, or objects as they are. Raises `ModelError`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        if prefix:
            found = False
            for record in objects.list(bucket, key):
                name = record.key[len(key) :].lstrip("/") or record.key.rsplit("/", 1)[-1]
                path = (target / name).resolve()
                if record.key.endswith("/") or not path.is_relative_to(target.resolve()):
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                objects.fetch(bucket, record.key, path)
                found = True
            if not found:
                raise NoSuchKey(bucket, key)
        elif compression == "None":
            objects.fetch(bucket, key, target / key.rsplit("/", 1)[-1])
        else:
            unpack(objects, bucket, key, target)
    except (NoSuchBucket, NoSuchKey):
        raise ModelError(
            f"Failed to download {what} from URL {uri}. Please ensure that there is an object located at the URL "
            "and that the role passed to CreateModel has permissions to download the object."
        ) from None


def unpack(objects: ObjectStore, bucket: str, key: str, target: Path) -> None:
    """Raises `ModelError` for what is no archive, or would leave the folder."""
    try:
        with objects.open(bucket, key) as packed, tarfile.open(fileobj=packed, mode="r:*") as tar:
            tar.extractall(target, filter="data")
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ModelError(f"Failed to extract s3://{bucket}/{key} as an archive: {error}.") from error
