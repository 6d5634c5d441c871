"""What AWS shows of a job in Experiments: its trial component's parameters, artifacts and status. Pure.

A hyperparameter arrives as a string. One that spells a number is shown as a number; any other stays
the string it is, with the quotes that the SDK's JSON encoding put around it. Facts about the instance
join them under `SageMaker.` names, and so do the artifacts that no channel names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from clary.domain.properties import number_of

Document = dict[str, Any]

PART_OF = "PartOf"
"""The edge from a trial component to a trial that it belongs to."""
MODEL_ARTIFACT = "SageMaker.ModelArtifact"
CHECKPOINTS = "SageMaker.Checkpoints"
MAX_PARAMETERS = 300
MAX_ARTIFACTS = 60
STRING_LIMIT = 2500
MESSAGE_LIMIT = 1024

_MAPS = {
    "Parameters": ("ParametersToRemove", MAX_PARAMETERS),
    "InputArtifacts": ("InputArtifactsToRemove", MAX_ARTIFACTS),
    "OutputArtifacts": ("OutputArtifactsToRemove", MAX_ARTIFACTS),
}


class TooMany(Exception):
    """A map of a trial component would hold more than its limit: (member, limit)."""

    def __init__(self, member: str, limit: int) -> None:
        super().__init__(member, limit)
        self.member, self.limit = member, limit


def parameter(text: str) -> Document:
    """A TrialComponentParameterValue."""
    value = number_of(text)
    return {"StringValue": text[:STRING_LIMIT]} if value is None else {"NumberValue": value}


def merged(component: Document, request: Document) -> Document:
    """The members of an UpdateTrialComponent to keep: its maps over the component's, less what it removes.
    Raises `TooMany`."""
    changes = dict(request)
    for member, (removal, limit) in _MAPS.items():
        removed = set(changes.pop(removal, ()))
        if member in request or removed:
            old: Mapping[str, Any] = component.get(member, {})
            kept = {**old, **request.get(member, {})}
            changes[member] = {key: value for key, value in kept.items() if key not in removed}
            if len(changes[member]) > max(limit, len(old)):
                raise TooMany(member, limit)
    return changes


def job_component(kind: str, name: str) -> str:
    """The name of a job's component: `<job>-aws-training-job`, `<job>-aws-processing-job`."""
    return f"{name}-aws-{kind.removesuffix('Job').lower()}-job"


def job_parameters(job: Document, model: Mapping[str, Any] = MappingProxyType({})) -> Document:
    """Hyperparameters and instance facts of a job's document; `model` is the container that a transform job's
    model names first."""
    found = {name: parameter(value) for name, value in job.get("HyperParameters", {}).items()}
    resources = (
        job.get("ResourceConfig")
        or job.get("TransformResources")
        or job.get("ProcessingResources", {}).get("ClusterConfig", {})
    )
    image = job.get("AlgorithmSpecification", {}).get("TrainingImage")
    image = image or job.get("AppSpecification", {}).get("ImageUri")
    facts: Document = {
        "SageMaker.ImageUri": _text(image),
        "SageMaker.ModelName": _text(job.get("ModelName")),
        "SageMaker.ModelPrimary.Image": _text(model.get("Image")),
        "SageMaker.ModelPrimary.DataUrl": _text(data_uri(model)),
        "SageMaker.InstanceCount": _figure(resources.get("InstanceCount")),
        "SageMaker.InstanceType": _text(resources.get("InstanceType")),
        "SageMaker.VolumeSizeInGB": _figure(resources.get("VolumeSizeInGB")),
    }
    found.update({name: value for name, value in facts.items() if value is not None})
    return dict(list(found.items())[-MAX_PARAMETERS:])


def data_uri(container: Mapping[str, Any]) -> str | None:
    """Where a model's container has its data, if it has any."""
    source: Document = container.get("ModelDataSource", {}).get("S3DataSource", {})
    return container.get("ModelDataUrl") or source.get("S3Uri")


def job_inputs(job: Document) -> Document:
    """A job's channels or inputs as artifacts, by name."""
    found: Document = {}
    for channel in job.get("InputDataConfig", ()):
        source = channel.get("DataSource", {})
        uri = source.get("S3DataSource", {}).get("S3Uri") or source.get("FileSystemDataSource", {}).get(
            "DirectoryPath"
        )
        if uri:
            found[channel["ChannelName"]] = _artifact(uri, channel.get("ContentType"))
    for given in job.get("ProcessingInputs", ()):
        if "S3Input" in given:
            found[given["InputName"]] = _artifact(given["S3Input"]["S3Uri"])
    if "TransformInput" in job:
        given = job["TransformInput"]
        uri = given["DataSource"]["S3DataSource"]["S3Uri"]
        found["SageMaker.TransformInput"] = _artifact(uri, given.get("ContentType"))
    return found


def job_outputs(job: Document) -> Document:
    """Where a job's tensors and outputs go and, once there is one, its model."""
    places = {
        "SageMaker.DebugHookOutput": job.get("DebugHookConfig", {}).get("S3OutputPath"),
        CHECKPOINTS: job.get("CheckpointConfig", {}).get("S3Uri"),
        MODEL_ARTIFACT: job.get("ModelArtifacts", {}).get("S3ModelArtifacts"),
        "SageMaker.TransformOutput": job.get("TransformOutput", {}).get("S3OutputPath"),
    }
    for output in job.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        places[output["OutputName"]] = output.get("S3Output", {}).get("S3Uri")
    return {name: _artifact(uri) for name, uri in places.items() if uri}


def job_state(job: Document) -> Document:
    """The members of a job's trial component that change while it runs."""
    nouns = ("Processing", "Transform")
    noun = next((each for each in nouns if f"{each}JobStatus" in job), "Training")
    status = job.get(f"{noun}JobStatus", "InProgress")
    shown = f"Status: {status}"
    if noun == "Training":
        shown += f", secondary status: {job.get('SecondaryStatus', 'Starting')}"
    message = f"{shown}, failure reason: {job.get('FailureReason', '')}."
    changes: Document = {
        "Status": {"PrimaryStatus": status, "Message": message[:MESSAGE_LIMIT]},
        "OutputArtifacts": job_outputs(job),
    }
    for member, time in (("StartTime", f"{noun}StartTime"), ("EndTime", f"{noun}EndTime")):
        if job.get(time) is not None:
            changes[member] = job[time]
    return changes


def parent(trial: Document) -> Document:
    """One of the Parents of a trial component, from its trial's document."""
    return {"TrialName": trial["TrialName"], "ExperimentName": trial["ExperimentName"]}


def _figure(value: float | None) -> Document | None:
    return None if value is None else {"NumberValue": float(value)}


def _text(value: str | None) -> Document | None:
    return None if value is None else {"StringValue": value[:STRING_LIMIT]}


def _artifact(uri: str, media: str | None = None) -> Document:
    return {"Value": uri, "MediaType": media} if media else {"Value": uri}
