"""Fetches what a job asked for: channels and source, from objects into its folder."""

from __future__ import annotations

import gzip
import json
import posixpath
import shutil
import tarfile
import zlib
from pathlib import Path
from urllib.parse import urlsplit

from clary.orchestrator.layout import JobFiles
from clary.storage.objects import NoSuchBucket, ObjectStore
from clary.storage.ports import Document, Resource


class DownloadError(Exception):
    """Data cannot be had; the message is the job's FailureReason."""


def download(job: Resource, files: JobFiles, objects: ObjectStore) -> None:
    """Idempotent: a second run overwrites. Raises `DownloadError`."""
    for channel in job.spec.get("InputDataConfig", ()):
        target = files.channel(channel["ChannelName"])
        target.mkdir(parents=True, exist_ok=True)
        source = channel.get("DataSource", {}).get("S3DataSource")
        if source:
            fetch_channel(job, source, channel.get("CompressionType", "None") == "Gzip", target, objects)
    source = source_archive(job)
    if source is not None:
        bucket, key = source
        if not exists(objects, bucket, key):
            raise DownloadError(
                f"ClientError: the source archive s3://{bucket}/{key} (sagemaker_submit_directory) does not exist."
            )
        files.source.parent.mkdir(parents=True, exist_ok=True)
        objects.fetch(bucket, key, files.source)


def source_archive(job: Resource) -> tuple[str, str] | None:
    """Bucket and key of the script mode's source, where the job has one."""
    submitted = json_string(job.spec.get("HyperParameters", {}).get("sagemaker_submit_directory", ""))
    return split(submitted) if submitted.startswith("s3://") else None


def requirements(job: Resource, objects: ObjectStore) -> str:
    """The source's requirements.txt; empty when there is none. Raises `DownloadError` for a broken archive."""
    source = source_archive(job)
    if source is None or not exists(objects, *source):
        return ""
    try:
        with objects.open(*source) as packed, tarfile.open(fileobj=packed, mode="r|gz") as tar:
            for member in tar:
                if posixpath.normpath(member.name) == "requirements.txt" and member.isfile():
                    file = tar.extractfile(member)
                    return file.read().decode("utf-8", "replace") if file else ""
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DownloadError(
            f"ClientError: s3://{source[0]}/{source[1]} is not a tar.gz archive: {error}."
        ) from error
    return ""


def fetch_channel(job: Resource, source: Document, gunzip: bool, target: Path, objects: ObjectStore) -> None:
    uri = source["S3Uri"]
    bucket, prefix = split(uri)
    if source["S3DataType"] == "ManifestFile":
        wanted = manifest(objects, bucket, prefix)
    elif source["S3DataType"] == "S3Prefix":
        wanted = [(bucket, key, relative(key, prefix)) for key in keys(objects, bucket, prefix)]
    else:
        raise DownloadError(
            f"ClientError: Clary does not read S3DataType {source['S3DataType']} yet; use S3Prefix or ManifestFile."
        )
    if not wanted:
        raise DownloadError(
            f'ClientError: Data download failed: No S3 objects found under S3 URL "{uri}" given in input data source. '
            f"Please ensure that the bucket exists in the selected region ({job.region}), that objects exist under "
            f'that S3 prefix, and that the role "{job.spec["RoleArn"]}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )
    for from_bucket, key, name in wanted:
        path = (target / name).resolve()
        if not path.is_relative_to(target.resolve()):
            raise DownloadError(
                f"ClientError: the key s3://{from_bucket}/{key} would leave its channel's folder."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        objects.fetch(from_bucket, key, path)
        if gunzip and path.suffix == ".gz":
            with gzip.open(path, "rb") as packed, path.with_suffix("").open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
            path.unlink()


def manifest(objects: ObjectStore, bucket: str, key: str) -> list[tuple[str, str, str]]:
    """The (bucket, key, file name) of each entry: `[{"prefix": "s3://b/p/"}, "a.csv", ...]`."""
    if not exists(objects, bucket, key):
        raise DownloadError(
            f"ClientError: Data download failed: the manifest s3://{bucket}/{key} does not exist."
        )
    try:
        entries = json.loads(objects.read_bytes(bucket, key))
        base_bucket, base = split(entries[0]["prefix"])
        return [(base_bucket, base + name, name) for name in entries[1:]]
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


def json_string(value: str) -> str:
    """Script mode's hyperparameters are JSON-encoded strings; the generic Estimator's are plain."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value
