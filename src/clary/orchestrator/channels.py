"""A training job's channels and source: what its hosts find below /opt/ml/input.

File       copies in the channel's folder
FastFile   the same paths at once, without a copy: links to the objects' bytes, mounted read-only. (AWS streams
           them on demand; here they are on this disk already.) Without a sandbox nothing keeps a program from
           writing to them, so they are copies there
Pipe       FIFOs, one an epoch, fed inside the job (`toolkit/pipes.py`) from links to the objects' bytes
"""

from __future__ import annotations

import gzip
import json
import posixpath
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from clary.domain.cluster import Host
from clary.orchestrator.layout import JobFiles
from clary.orchestrator.sources import DownloadError, Item, exists, fetch, items, keys, share, split
from clary.storage.local import SCHEME, NotAllowed, local_path
from clary.storage.objects import ObjectStore
from clary.storage.ports import Document, Resource

PIPES = "pipes"
"""Below a host's `data` folder: what its pipes are fed from, and `PLAN`."""
PLAN = "pipes.json"
SOURCE_CHANNELS = ("code", "sourcecode")
"""Channels in which clients send loose source files: a requirements.txt there is the job's."""


def mode(job: Resource, channel: Document) -> str:
    return str(
        channel.get("InputMode") or job.spec["AlgorithmSpecification"].get("TrainingInputMode", "File")
    )


def download(
    job: Resource,
    cluster: tuple[Host, ...],
    host: Host,
    files: JobFiles,
    objects: ObjectStore,
    *,
    may_link: bool,
    folders: Sequence[str],
) -> None:
    """What one host gets. `files` are its own; `may_link`: whether what is mounted read-only stays unchanged;
    `folders`: those that file:// URIs may name.
    Idempotent. Raises `DownloadError`."""
    plan = []
    for channel in job.spec.get("InputDataConfig", ()):
        name, source = channel["ChannelName"], channel.get("DataSource", {}).get("S3DataSource")
        if not source:
            files.channel(name).mkdir(parents=True, exist_ok=True)
            continue
        if source.get("InstanceGroupNames") and host.group not in source["InstanceGroupNames"]:
            continue
        packed = channel.get("CompressionType", "None") == "Gzip"
        how = mode(job, channel)
        if how == "Pipe":
            plan.append(
                _pipe(job, channel, source, cluster, host, files, objects, gunzip=packed, may_link=may_link)
            )
            continue
        if source["S3Uri"].startswith(SCHEME):
            files.channel(name).mkdir(parents=True, exist_ok=True)
            if not may_link:
                _copy(source["S3Uri"], files.channel(name), folders)
            continue
        if source["S3DataType"] == "AugmentedManifestFile":
            raise DownloadError("ClientError: an AugmentedManifestFile channel needs the Pipe input mode.")
        found = items(job, source["S3Uri"], source["S3DataType"], objects)
        mine = share(found, source.get("S3DataDistributionType", ""), host.index, len(cluster))
        link = how == "FastFile" and may_link and not packed
        files.channel(name).mkdir(parents=True, exist_ok=True)
        target = files.data / name if link else files.channel(name)
        fetch(mine, target, objects, gunzip=packed, link=link)
    if plan:
        (files.data / PIPES).mkdir(parents=True, exist_ok=True)
        (files.data / PIPES / PLAN).write_text(json.dumps(plan), encoding="utf-8")
    _source(job, files, objects)


def in_place(job: Resource, host: Host, folders: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Channels that are folders or files of this machine: (target below the channels' folder, source)."""
    for channel in job.spec.get("InputDataConfig", ()):
        source = channel.get("DataSource", {}).get("S3DataSource", {})
        groups = source.get("InstanceGroupNames")
        if source.get("S3Uri", "").startswith(SCHEME) and (not groups or host.group in groups):
            path = _local(source["S3Uri"], folders)
            name = channel["ChannelName"]
            yield (name if path.is_dir() else f"{name}/{path.name}"), path


def _local(uri: str, folders: Sequence[str]) -> Path:
    try:
        return local_path(uri, folders)
    except NotAllowed as error:
        raise DownloadError(f"ClientError: {error}") from None


def _copy(uri: str, target: Path, folders: Sequence[str]) -> None:
    path = _local(uri, folders)
    if path.is_dir():
        shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(path, target / path.name)


def linked(files: JobFiles) -> list[str]:
    """Channels that are to be mounted read-only over /opt/ml/input/data."""
    return (
        sorted(path.name for path in files.data.iterdir() if path.name != PIPES)
        if files.data.is_dir()
        else []
    )


def _pipe(
    job: Resource, channel: Document, source: Document, cluster: tuple[Host, ...], host: Host, files: JobFiles,
    objects: ObjectStore, *, gunzip: bool, may_link: bool,
) -> Document:  # fmt: skip
    """How `toolkit/pipes.py` feeds this channel: its records, each one or more files, in order."""
    name = channel["ChannelName"]
    folder = files.data / PIPES / name
    folder.mkdir(parents=True, exist_ok=True)
    distribution = source.get("S3DataDistributionType", "")
    if source["S3DataType"] == "AugmentedManifestFile":
        records = list(_augmented(source, objects))[host.index if distribution == "ShardedByS3Key" else 0 :]
        if distribution == "ShardedByS3Key":
            records = records[:: len(cluster)]
    else:
        found = items(job, source["S3Uri"], source["S3DataType"], objects)
        records = [[item] for item in share(found, distribution, host.index, len(cluster))]
    numbered: list[list[str]] = []
    count = 0
    for record in records:
        names = []
        for part in record:
            path = folder / f"{count:08d}"
            if isinstance(part, bytes):
                path.write_bytes(part)
            else:
                fetch([replace(part, name=path.name)], folder, objects, gunzip=False, link=may_link)
            names.append(f"{name}/{path.name}")
            count += 1
        numbered.append(names)
    return {
        "channel": name,
        "records": numbered,
        "gunzip": gunzip,
        "recordio": channel.get("RecordWrapperType", "None") == "RecordIO",
        "seed": channel["ShuffleConfig"]["Seed"] if "ShuffleConfig" in channel else None,
    }


def _augmented(source: Document, objects: ObjectStore) -> Iterator[list[Item | bytes]]:
    """A record a line: for each attribute its value, or for `...-ref` the object that it names."""
    bucket, key = split(source["S3Uri"])
    if not exists(objects, bucket, key):
        raise DownloadError(f"ClientError: the manifest s3://{bucket}/{key} does not exist.")
    with objects.open(bucket, key) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                document = json.loads(line)
                values = [(name, document[name]) for name in source["AttributeNames"]]
            except (ValueError, LookupError, TypeError) as error:
                raise DownloadError(
                    f"ClientError: line {number} of s3://{bucket}/{key} is not a JSON object with the attributes "
                    f"{', '.join(source.get('AttributeNames', ()))}: {error!r}."
                ) from error
            yield [
                Item(*split(str(value)), str(value)) if name.endswith("-ref") else json.dumps(value).encode()
                if not isinstance(value, str) else value.encode()
                for name, value in values
            ]  # fmt: skip


def _source(job: Resource, files: JobFiles, objects: ObjectStore) -> None:
    source = source_archive(job)
    if source is None:
        return
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
    if source is not None and exists(objects, *source):
        return packed_requirements(objects, *source)
    for channel in job.spec.get("InputDataConfig", ()):
        uri = channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri", "")
        if channel["ChannelName"] in SOURCE_CHANNELS and uri:
            return loose_requirements(objects, uri)
    return ""


def loose_requirements(objects: ObjectStore, uri: str) -> str:
    """Of a folder of source files, or of the archive in it."""
    bucket, prefix = split(uri)
    folder = prefix.rstrip("/") + "/"
    if exists(objects, bucket, folder + "requirements.txt"):
        return objects.read_bytes(bucket, folder + "requirements.txt").decode("utf-8", "replace")
    archives = [key for key in keys(objects, bucket, prefix) if key.endswith("sourcedir.tar.gz")]
    return packed_requirements(objects, bucket, archives[0]) if archives else ""


def packed_requirements(objects: ObjectStore, bucket: str, key: str) -> str:
    try:
        with objects.open(bucket, key) as packed, tarfile.open(fileobj=packed, mode="r|gz") as tar:
            for member in tar:
                if posixpath.normpath(member.name) == "requirements.txt" and member.isfile():
                    file = tar.extractfile(member)
                    return file.read().decode("utf-8", "replace") if file else ""
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DownloadError(f"ClientError: s3://{bucket}/{key} is not a tar.gz archive: {error}.") from error
    return ""


def json_string(value: str) -> str:
    """Script mode's hyperparameters are JSON-encoded strings; the generic Estimator's are plain."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value
