"""Scalable targets: variants with their bounds. One whose endpoint or variant goes is deregistered with it, by
`orchestrator.autoscaling`."""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Document, operation
from clary.services.autoscaling import names
from clary.services.autoscaling.names import POLICY, TARGET, check_scalable, invalid
from clary.services.sagemaker.endpoints import Endpoint
from clary.storage.ports import Effect, Query, Resource, Transaction

SCALE = "scale"
"""The effect that lives as long as a target; `orchestrator.autoscaling` runs it."""
KEPT = ("ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity", "RoleARN")
NOT_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
ROLE = (
    "arn:aws:iam::{account}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
"""The role that AWS makes for it, where none is given."""


@operation("application-autoscaling", "RegisterScalableTarget")
def register_scalable_target(ctx: Context, request: Document) -> Document:
    """A new one, or what changes of one that is there."""
    endpoint_name, variant = check_scalable(request)
    arn = names.target_arn(ctx, request)
    with ctx.begin() as tx:
        endpoint = Endpoint.load(ctx, tx, endpoint_name)
        shown = {each["VariantName"]: each for each in endpoint.state["ProductionVariants"]}
        if endpoint.target == "Deleted" or variant not in shown:
            raise invalid(f"The endpoint {endpoint_name} has no variant {variant}.")
        if "CurrentServerlessConfig" in shown[variant]:
            raise invalid(f"The variant {variant} is serverless: it scales without a scalable target.")
        known = tx.resources.find(arn)
        if known is not None and known.state["Clary"]["endpoint"] != endpoint.created:
            remove(tx, known)  # of an endpoint that was deleted, and made again under this name
            known = None
        before: Document = {"RoleARN": ROLE.format(account=ctx.account)} if known is None else known.spec
        spec = {**before, **{member: request[member] for member in KEPT if member in request}}
        suspended = before.get("SuspendedState", NOT_SUSPENDED)
        spec["SuspendedState"] = {**suspended, **request.get("SuspendedState", {})}
        check_bounds(spec, asynchronous=bool(endpoint.state.get("AsyncInferenceConfig")))
        if known is None:
            state = {
                "ScalableTargetARN": arn,
                "CreationTime": ctx.now,
                "Clary": {"endpoint": endpoint.created, "scaled": {}, "activity": None},
            }
            made = tx.resources.insert(
                Resource(
                    arn=arn, account=ctx.account, region=ctx.region, kind=TARGET, name=spec["ResourceId"],
                    created=ctx.now, modified=ctx.now, spec=spec, state=state, parent=endpoint.arn,
                )
            )  # fmt: skip
            tx.outbox.put(Effect(arn, made.generation, SCALE, due=ctx.now))
        else:
            tx.resources.update(replace(known, spec=spec, modified=ctx.now))
        if request.get("Tags"):
            tx.tags.put(arn, request["Tags"])
    ctx.ports.changes.publish(endpoint.arn)
    return {"ScalableTargetARN": arn}


def check_bounds(spec: Document, *, asynchronous: bool) -> None:
    if "MinCapacity" not in spec or "MaxCapacity" not in spec:
        raise invalid("MinCapacity and MaxCapacity are required to register a new scalable target.")
    least, most = spec["MinCapacity"], spec["MaxCapacity"]
    if least < 0 or most < least:
        raise invalid(
            f"Maximum capacity {most} cannot be less than minimum capacity {least}, nor either below 0."
        )
    if least == 0 and not asynchronous:
        raise invalid(
            "Minimum capacity must be at least 1: only asynchronous endpoints can have no instance."
        )


@operation("application-autoscaling", "DescribeScalableTargets")
def describe_scalable_targets(ctx: Context, request: Document) -> Document:
    wanted = {"ResourceId": request["ResourceIds"]} if request.get("ResourceIds") else None
    with ctx.read() as tx:
        found, token = names.page(ctx, tx, TARGET, request, wanted)
    return {"ScalableTargets": [each.document for each in found], "NextToken": token}


@operation("application-autoscaling", "DeregisterScalableTarget")
def deregister_scalable_target(ctx: Context, request: Document) -> None:
    """With its policies."""
    with ctx.begin() as tx:
        found = tx.resources.find(names.target_arn(ctx, request))
        if found is None:
            raise names.missing("No scalable target found", request)
        remove(tx, found)
    ctx.ports.changes.publish(str(found.parent))


def remove(tx: Transaction, target: Resource) -> None:
    """A target and its policies; its activities stay."""
    query = Query(target.account, target.region, (POLICY,), names.of_target(target), limit=1000)
    for policy in tx.resources.list(query).items:
        tx.resources.delete(policy.arn)
    tx.resources.delete(target.arn)
