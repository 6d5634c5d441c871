"""What CreateTrainingJob checks of channels, spot training, checkpoints and warm pools, beyond every job's checks."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from clary.api import Context, Document
from clary.domain.training import INTERRUPTIONS, interruptions
from clary.services.sagemaker.job_checks import check_bucket, check_found, refused
from clary.storage.local import SCHEME, NotAllowed, local_path
from clary.storage.ports import Resource

RESERVED = (
    "/",
    "/opt",
    "/opt/ml",
    "/opt/ml/input",
    "/opt/ml/model",
    "/opt/ml/output",
    "/opt/ml/code",
    "/opt/ml/failure",
)
"""Where checkpoints cannot go, nor below but for the first three."""


def check_channels(ctx: Context, job: Resource) -> None:
    channels = job.spec.get("InputDataConfig", ())
    for name, count in Counter(channel["ChannelName"] for channel in channels).items():
        if count > 1:
            raise refused(f"Channel names must be unique; {name!r} is there {count} times.")
    default = job.spec["AlgorithmSpecification"].get("TrainingInputMode", "File")
    for channel in channels:
        check_channel(ctx, job, channel, channel.get("InputMode", default))


def inputs(job: Resource) -> list[str]:
    """S3 URIs of its channels."""
    sources = (
        channel.get("DataSource", {}).get("S3DataSource") for channel in job.spec.get("InputDataConfig", ())
    )
    return [source["S3Uri"] for source in sources if source and source["S3Uri"].startswith("s3://")]


def check_channel(ctx: Context, job: Resource, channel: Document, mode: str) -> None:
    name, data = channel["ChannelName"], channel.get("DataSource", {})
    source = data.get("S3DataSource")
    if source is None:
        if data:
            raise refused(
                f"Channel {name}: Clary reads S3DataSource, not {', '.join(sorted(data))}. Put the data into a bucket."
            )
        return
    if source["S3Uri"].startswith(SCHEME):
        check_local(ctx, channel, source, mode)
    elif source["S3DataType"] == "S3Prefix":
        check_found(ctx, job, source["S3Uri"])
    elif source["S3DataType"] == "AugmentedManifestFile":
        if mode != "Pipe":
            raise refused(
                f"Channel {name}: an AugmentedManifestFile can only be used with the Pipe input mode."
            )
        if not source.get("AttributeNames"):
            raise refused(f"Channel {name}: an AugmentedManifestFile needs AttributeNames.")
    elif source["S3DataType"] != "ManifestFile":
        raise refused(f"Channel {name}: S3DataType {source['S3DataType']} is not done here.")
    groups = {group["InstanceGroupName"] for group in job.spec["ResourceConfig"].get("InstanceGroups", ())}
    unknown = sorted(set(source.get("InstanceGroupNames", ())) - groups)
    if unknown:
        raise refused(f"Channel {name}: there is no instance group {unknown[0]!r}.")


def check_local(ctx: Context, channel: Document, source: Document, mode: str) -> None:
    """Data of this machine, read in place."""
    name = channel["ChannelName"]
    try:
        local_path(source["S3Uri"], ctx.settings.input_folders)
    except NotAllowed as error:
        raise refused(f"Channel {name}: {error}") from None
    plain = source["S3DataType"] == "S3Prefix" and source.get("S3DataDistributionType") != "ShardedByS3Key"
    if not plain or mode == "Pipe" or channel.get("CompressionType", "None") != "None":
        raise refused(
            f"Channel {name}: a {SCHEME} channel is read in place, as it is: S3Prefix, FullyReplicated, File or "
            "FastFile, without compression."
        )


def check_resources(job: Resource) -> None:
    resources = job.spec["ResourceConfig"]
    if resources.get("InstanceGroups") and ("InstanceType" in resources or "InstanceCount" in resources):
        raise refused("InstanceGroups cannot be given together with InstanceType and InstanceCount.")


def check_spot(job: Resource) -> None:
    condition = job.spec.get("StoppingCondition", {})
    runtime, wait = condition.get("MaxRuntimeInSeconds", 86400), condition.get("MaxWaitTimeInSeconds")
    spot = job.spec.get("EnableManagedSpotTraining", False)
    if spot and wait is None:
        raise refused(
            "MaxWaitTimeInSeconds above 0 is required when EnableManagedSpotTraining is set to true."
        )
    if spot and wait < runtime:
        raise refused(
            f"Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds: "
            f"{wait} < {runtime}."
        )
    if not spot and wait is not None:
        raise refused("MaxWaitTimeInSeconds can be given only when EnableManagedSpotTraining is set to true.")
    try:
        scripted = interruptions(job.spec)
    except ValueError as error:
        raise refused(f"{INTERRUPTIONS} should be seconds, separated by commas: {error}.") from None
    if scripted and not spot:
        raise refused(f"{INTERRUPTIONS} is for managed spot training: set EnableManagedSpotTraining.")
    if any(not 0 <= seconds < 1e9 for seconds in scripted):
        raise refused(f"{INTERRUPTIONS} should be seconds from 0 on.")


def check_checkpoints(ctx: Context, job: Resource) -> None:
    config = job.spec.get("CheckpointConfig")
    if not config:
        return
    check_bucket(ctx, config["S3Uri"], "CheckpointConfig")
    path = PurePosixPath(config.get("LocalPath", "/opt/ml/checkpoints"))
    within = any(str(parent) in RESERVED[3:] for parent in (path, *path.parents))
    if not path.is_absolute() or ".." in path.parts or str(path) in RESERVED or within:
        raise refused(f"CheckpointConfig's LocalPath {str(path)!r} cannot be used: give a folder of its own.")
