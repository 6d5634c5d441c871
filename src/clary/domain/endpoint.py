"""The life of an endpoint, as pure functions: no clock, no disk, no network.

    Creating ──ready──> InService ──update──> Updating ──ready──> InService
        └──failed──> Failed                       └──failed──> RollingBack ──gone──> InService
    any ──delete──> Deleting ──gone──> the row goes

An endpoint runs *fleets*: a fleet is one deployment of an endpoint configuration, with copies of all that it needs
(variants, models), so that what a fleet is never changes under it. One is active; an update raises a second
beside it, traffic turns over when that is ready, and the first drains. What the orchestrator does comes back as
events; requests of users are functions here that the services write in their own transaction.

The state's part that no client sees:

    Clary: {"fleets": {"1": FLEET, ...}, "active": "1", "next": 2}
    FLEET: {"config": NAME, "variants": [VARIANT], "shadows": [...], "capture": {...}, "async": {...},
            "runs": {"AllTraffic/0": {"run": 3, "engine": STATE}}, "drop": True once it is to go, "until": not before}
    VARIANT: {"name", "weight", "count", "instance_type", "role", "containers": [...], "mode": "Serial",
              "serverless": {...}, ...}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clary.domain.endpoint_traffic import termination_wait
from clary.domain.machine import Document, Step
from clary.domain.machine import Row as Endpoint

REASON_LIMIT = 1024
DEFAULT_INSTANCE = "ml.m5.large"


@dataclass(frozen=True, slots=True)
class Ready:
    """The fleet serves. `traffic` says that callers reach it already."""

    fleet: str


@dataclass(frozen=True, slots=True)
class Failed:
    fleet: str
    reason: str


@dataclass(frozen=True, slots=True)
class Gone:
    """All of the fleet has ended, and its files are away."""

    fleet: str


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The active fleet has the weights and the numbers of instances that were asked for."""

    fleet: str


@dataclass(frozen=True, slots=True)
class Began:
    """An instance (`VARIANT/NUMBER`) starts for the n-th time, and where: kept first, so that a restarted server
    finds it."""

    fleet: str
    instance: str
    run: int
    engine: Document


@dataclass(frozen=True, slots=True)
class EffectFailed:
    reason: str


Event = Ready | Failed | Gone | Adjusted | Began | EffectFailed


def fleet(config: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]) -> Document:
    """A deployment of an endpoint configuration's document; `models` are models' documents by name."""
    return {
        "config": config["EndpointConfigName"],
        "variants": [_variant(each, models) for each in config["ProductionVariants"]],
        "shadows": [_variant(each, models) for each in config.get("ShadowProductionVariants", ())],
        "capture": config.get("DataCaptureConfig"),
        "async": config.get("AsyncInferenceConfig"),
        "runs": {},
    }


def _variant(given: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]) -> Document:
    model = models[given["ModelName"]]
    serverless = given.get("ServerlessConfig")
    return {
        "name": given["VariantName"],
        "model": given["ModelName"],
        "weight": float(given.get("InitialVariantWeight", 1.0)),
        "count": 0 if serverless else int(given.get("InitialInstanceCount", 1)),
        "instance_type": given.get("InstanceType", DEFAULT_INSTANCE),
        "startup": given.get("ContainerStartupHealthCheckTimeoutInSeconds"),
        "serverless": serverless,
        "role": model.get("ExecutionRoleArn"),
        "containers": containers(model),
        "mode": execution_mode(model),
    }


def containers(model: Mapping[str, Any]) -> list[Document]:
    """A model's containers, in the order in which a request passes them. Several have a ContainerHostname each: their
    place, if the model gives them none."""
    found = [model["PrimaryContainer"]] if "PrimaryContainer" in model else model.get("Containers", [])
    more: Document = {"EnableNetworkIsolation": True} if model.get("EnableNetworkIsolation") else {}
    if len(found) == 1:
        return [{**each, **more} for each in found]
    return [
        {"ContainerHostname": f"container-{number}", **each, **more} for number, each in enumerate(found, 1)
    ]


def execution_mode(model: Mapping[str, Any]) -> str:
    """`Serial`: a request passes all containers; `Direct`: its caller chooses one."""
    return str(model.get("InferenceExecutionConfig", {}).get("Mode", "Serial"))


def many_models(model: Mapping[str, Any]) -> bool:
    """Whether a request has to name one of a container's models."""
    return any(each.get("Mode") == "MultiModel" for each in containers(model))


def created(first: Document, now: float) -> Document:
    return {**_shown(first, now), "EndpointStatus": "Creating", "LastModifiedTime": now,
            "Clary": {"fleets": {"1": first}, "active": None, "next": 2}}  # fmt: skip


def updating(endpoint: Endpoint, wanted: Document, deployment: Document | None, now: float) -> Document:
    """What an accepted UpdateEndpoint changes."""
    clary = endpoint.state["Clary"]
    name = str(clary["next"])
    wanted = {**wanted, "deployment": deployment, "began": now}
    changes: Document = {
        "EndpointStatus": "Updating",
        "LastModifiedTime": now,
        "FailureReason": None,
        "PendingDeploymentSummary": {
            "EndpointConfigName": wanted["config"],
            "ProductionVariants": _summaries(wanted["variants"], now),
            "StartTime": now,
        },
        "Clary": {**clary, "fleets": {**clary["fleets"], name: wanted}, "next": clary["next"] + 1},
    }
    if deployment is not None:
        changes["LastDeploymentConfig"] = deployment
    return changes


def retained(active: Document, wanted: Document, exclude: frozenset[str]) -> Document:
    """The new fleet with the weights and counts that its variants have now (RetainAllVariantProperties)."""
    now = {variant["name"]: variant for variant in active["variants"]}
    kept = []
    for variant in wanted["variants"]:
        before = now.get(variant["name"])
        if before is not None:
            if "DesiredWeight" not in exclude:
                variant = {**variant, "weight": before["weight"]}
            if "DesiredInstanceCount" not in exclude and not variant["serverless"]:
                variant = {**variant, "count": max(1, before["count"])}
        kept.append(variant)
    capture = (
        wanted["capture"] if "DataCaptureConfig" in exclude or not active["capture"] else active["capture"]
    )
    return {**wanted, "variants": kept, "capture": capture}


def adjusting(endpoint: Endpoint, wanted: Mapping[str, Mapping[str, Any]], now: float) -> Document:
    """What an accepted UpdateEndpointWeightsAndCapacities changes; `wanted` by the variant's name."""
    clary = endpoint.state["Clary"]
    active = clary["fleets"][clary["active"]]
    variants = []
    for variant in active["variants"]:
        asked = wanted.get(variant["name"], {})
        weight = float(asked.get("DesiredWeight", variant["weight"]))
        count = int(asked.get("DesiredInstanceCount", variant["count"]))
        variants.append({**variant, "weight": weight, "count": count})
    changed = {**active, "variants": variants}
    summaries = [
        {**before, "DesiredWeight": variant["weight"], "DesiredInstanceCount": variant["count"]}
        for before, variant in zip(endpoint.state["ProductionVariants"], variants, strict=True)
    ]
    return {
        "EndpointStatus": "Updating",
        "LastModifiedTime": now,
        "ProductionVariants": summaries,
        "Clary": {**clary, "fleets": {**clary["fleets"], clary["active"]: changed}},
    }


def deleting(endpoint: Endpoint, now: float) -> Document:
    clary = endpoint.state["Clary"]
    fleets = {name: {**each, "drop": True, "until": None} for name, each in clary["fleets"].items()}
    return {"EndpointStatus": "Deleting", "LastModifiedTime": now, "Clary": {**clary, "fleets": fleets}}


def step(endpoint: Endpoint, event: Event, now: float) -> Step:
    clary = endpoint.state["Clary"]
    fleets: dict[str, Document] = clary["fleets"]
    match event:
        case Began(name, instance, run, engine) if name in fleets:
            runs = {**fleets[name]["runs"], instance: {"run": run, "engine": engine}}
            return Step({"Clary": {**clary, "fleets": {**fleets, name: {**fleets[name], "runs": runs}}}})
        case Gone(name) if name in fleets:
            left = {other: each for other, each in fleets.items() if other != name}
            changes: Document = {"Clary": {**clary, "fleets": left}}
            if endpoint.state["EndpointStatus"] == "RollingBack" and clary["active"] in left:
                changes.update(EndpointStatus="InService", LastModifiedTime=now)
            return Step(changes)
        case _ if endpoint.target == "Deleted":
            return Step({})
        case Ready(name) if name in fleets and not fleets[name].get("drop") and name != clary["active"]:
            return Step(_turned_over(endpoint, name, now))
        case Failed(name, reason) if name in fleets and name != clary["active"]:
            return Step(_failed(endpoint, name, reason, now))
        case Adjusted(name) if _is_adjusted(endpoint, name):
            shown = _shown(fleets[name], now)
            return Step({**shown, "EndpointStatus": "InService", "LastModifiedTime": now})
    return Step({})


def _is_adjusted(endpoint: Endpoint, name: str) -> bool:
    clary = endpoint.state["Clary"]
    alone = all(other == name or each.get("drop") for other, each in clary["fleets"].items())
    return alone and name == clary["active"] and endpoint.state["EndpointStatus"] == "Updating"


def _turned_over(endpoint: Endpoint, name: str, now: float) -> Document:
    clary = endpoint.state["Clary"]
    until = now + termination_wait(clary["fleets"][name].get("deployment"))
    fleets = {
        other: each if other == name or each.get("drop") else {**each, "drop": True, "until": until}
        for other, each in clary["fleets"].items()
    }
    return {
        **_shown(fleets[name], now),
        "EndpointStatus": "InService",
        "LastModifiedTime": now,
        "FailureReason": None,
        "PendingDeploymentSummary": None,
        "Clary": {**clary, "fleets": fleets, "active": name},
    }


def _failed(endpoint: Endpoint, name: str, reason: str, now: float) -> Document:
    clary = endpoint.state["Clary"]
    fleets = {**clary["fleets"], name: {**clary["fleets"][name], "drop": True}}
    status = "RollingBack" if clary["active"] else "Failed"
    return {
        "EndpointStatus": status,
        "FailureReason": reason[:REASON_LIMIT],
        "PendingDeploymentSummary": None,
        "LastModifiedTime": now,
        "Clary": {**clary, "fleets": fleets},
    }


def _shown(active: Document, now: float) -> Document:
    """What Describe says of the fleet that serves."""
    capture = active["capture"]
    shown: Document = {
        "EndpointConfigName": active["config"],
        "ProductionVariants": _summaries(active["variants"], now),
        "ShadowProductionVariants": _summaries(active["shadows"], now) or None,
        "AsyncInferenceConfig": active["async"],
        "DataCaptureConfig": None,
    }
    if capture:
        shown["DataCaptureConfig"] = {
            "EnableCapture": capture.get("EnableCapture", True),
            "CaptureStatus": "Started" if capture.get("EnableCapture", True) else "Stopped",
            "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
            "DestinationS3Uri": capture["DestinationS3Uri"],
            "KmsKeyId": capture.get("KmsKeyId", ""),
        }
    return shown


def _summaries(variants: list[Document], now: float) -> list[Document]:
    shown = []
    for variant in variants:
        images = [each["Image"] for each in variant["containers"] if "Image" in each]
        summary = {
            "VariantName": variant["name"],
            "DeployedImages": [
                {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": now} for image in images
            ],
            "CurrentWeight": variant["weight"],
            "DesiredWeight": variant["weight"],
            "CurrentInstanceCount": variant["count"],
            "DesiredInstanceCount": variant["count"],
        }
        if variant["serverless"]:
            summary["CurrentServerlessConfig"] = summary["DesiredServerlessConfig"] = variant["serverless"]
        shown.append(summary)
    return shown
