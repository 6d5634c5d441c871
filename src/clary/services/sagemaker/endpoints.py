"""Endpoint configurations and endpoints. What a request wants is written into the row, with the words of
`domain.endpoint`; `orchestrator.endpoints` brings the processes in step with it."""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Document, Kind, ServiceError, operation
from clary.domain import endpoint as rules
from clary.domain.endpoint_traffic import alarms, fault
from clary.services.cloudwatch.alarms import arn as alarm_arn
from clary.services.sagemaker.deployments_lineage import write_endpoint
from clary.services.sagemaker.endpoint_checks import (
    check_asynchronous,
    check_count,
    check_outputs,
    check_variants,
    variants_of,
)
from clary.services.sagemaker.models import Model
from clary.storage.ports import Effect, Resource, Transaction

EndpointConfig = Kind(
    "sagemaker",
    "EndpointConfig",
    exists=("ValidationException", 'Cannot create already existing endpoint configuration "{arn}".'),
    missing=("ValidationException", 'Could not find endpoint configuration "{arn}".'),
)
EndpointConfig.serves("Create", "Describe", "List", "Delete")

Endpoint = Kind(
    "sagemaker",
    "Endpoint",
    status="EndpointStatus",
    initial="Creating",
    exists=("ValidationException", 'Cannot create already existing endpoint "{arn}".'),
    missing=("ValidationException", 'Could not find endpoint "{arn}".'),
)
Endpoint.serves("Create", "Describe", "List")

HOST = "host"
"""The effect that lives as long as an endpoint; `orchestrator.endpoints.machine` runs it."""


@EndpointConfig.on_create
def check_config(ctx: Context, tx: Transaction, config: Resource) -> None:
    check_variants(config.spec)
    for variant in variants_of(config.spec):
        model = Model.load(ctx, tx, variant["ModelName"])
        if "AsyncInferenceConfig" in config.spec:
            check_asynchronous(model.spec)
    check_outputs(ctx, config.spec)


@Endpoint.on_create
def begin(ctx: Context, tx: Transaction, endpoint: Resource) -> Resource:
    check_deployment(ctx, tx, endpoint.spec)
    fleet = _fleet(ctx, tx, endpoint.spec["EndpointConfigName"])
    state = {**endpoint.state, **rules.created(fleet, ctx.now)}
    if "DeploymentConfig" in endpoint.spec:
        state["LastDeploymentConfig"] = endpoint.spec["DeploymentConfig"]
    tx.outbox.put(Effect(endpoint.arn, endpoint.generation, HOST, due=ctx.now))
    endpoint = replace(endpoint, state=state)
    write_endpoint(tx, endpoint, ctx.now)
    return endpoint


def check_deployment(ctx: Context, tx: Transaction, request: Document) -> None:
    wrong = fault(request.get("DeploymentConfig", {}))
    if wrong is not None:
        raise ServiceError("ValidationException", wrong)
    for name in alarms(request.get("DeploymentConfig")):
        if tx.resources.find(alarm_arn(ctx, name)) is None:
            raise ServiceError(
                "ValidationException", f'The alarm "{name}" of AutoRollbackConfiguration does not exist.'
            )


@operation("sagemaker", "UpdateEndpoint")
def update_endpoint(ctx: Context, request: Document) -> Document:
    with ctx.begin() as tx:
        check_deployment(ctx, tx, request)
        endpoint = _in_service(ctx, tx, request["EndpointName"])
        fleet = _fleet(ctx, tx, request["EndpointConfigName"])
        if request.get("RetainAllVariantProperties"):
            exclude = {
                each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", ())
            }
            clary = endpoint.state["Clary"]
            fleet = rules.retained(clary["fleets"][clary["active"]], fleet, frozenset(exclude))
        kept = endpoint.state.get("LastDeploymentConfig") if request.get("RetainDeploymentConfig") else None
        deployment = request.get("DeploymentConfig") or kept
        _write(ctx, tx, endpoint, rules.updating(endpoint, fleet, deployment, ctx.now))
    ctx.ports.changes.publish(endpoint.arn)
    return {"EndpointArn": endpoint.arn}


@operation("sagemaker", "UpdateEndpointWeightsAndCapacities")
def update_weights(ctx: Context, request: Document) -> Document:
    with ctx.begin() as tx:
        endpoint = _in_service(ctx, tx, request["EndpointName"])
        wanted = {each["VariantName"]: each for each in request["DesiredWeightsAndCapacities"]}
        known = {variant["VariantName"] for variant in endpoint.state["ProductionVariants"]}
        for name in wanted:
            if name not in known:
                raise ServiceError(
                    "ValidationException", f'The variant name(s) "{name}" is/are not present within endpoint configuration '
                    f'"{endpoint.state["EndpointConfigName"]}".',
                )  # fmt: skip
        asynchronous = bool(endpoint.state.get("AsyncInferenceConfig"))
        for each in wanted.values():
            check_count(each["VariantName"], each.get("DesiredInstanceCount"), may_be_none=asynchronous)
        _write(ctx, tx, endpoint, rules.adjusting(endpoint, wanted, ctx.now))
    ctx.ports.changes.publish(endpoint.arn)
    return {"EndpointArn": endpoint.arn}


@operation("sagemaker", "DeleteEndpoint")
def delete_endpoint(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        endpoint = Endpoint.load(ctx, tx, request["EndpointName"])
        if endpoint.target == "Deleted":
            return
        _write(ctx, tx, replace(endpoint, target="Deleted"), rules.deleting(endpoint, ctx.now))
    ctx.ports.changes.publish(endpoint.arn)


def _write(ctx: Context, tx: Transaction, endpoint: Resource, changes: Document) -> None:
    state = {**endpoint.state, **changes}
    endpoint = replace(endpoint, state=state, status=state["EndpointStatus"], modified=ctx.now)
    write_endpoint(tx, tx.resources.update(endpoint), ctx.now)


def _in_service(ctx: Context, tx: Transaction, name: str) -> Resource:
    endpoint = Endpoint.load(ctx, tx, name)
    if endpoint.status == "Failed":
        raise ServiceError(
            "ValidationException",
            f'Cannot update failed endpoint "{endpoint.arn}": delete it and create it again.',
        )
    if endpoint.status != "InService":
        raise ServiceError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
    return endpoint


def _fleet(ctx: Context, tx: Transaction, config_name: str) -> Document:
    config = EndpointConfig.load(ctx, tx, config_name)
    models = {
        each["ModelName"]: Model.load(ctx, tx, each["ModelName"]).spec for each in variants_of(config.spec)
    }
    return rules.fleet(config.spec, models)
