"""What a request names, as rows, and how Application Auto Scaling refuses.

A target is one (namespace, resource, dimension), a policy one name at a target; their ARNs follow from these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from clary.api import Context, Document, ServiceError
from clary.domain.search import Both, Compare, Expression, Operator
from clary.storage.ports import BadCursor, Query, Resource, Transaction

NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
TARGET, POLICY, ACTIVITY = "ScalableTarget", "ScalingPolicy", "ScalingActivity"
PAGE = 50
WORDS = {
    "ServiceNamespace": "service namespace",
    "ResourceId": "resource ID",
    "ScalableDimension": "scalable dimension",
    "PolicyName": "policy name",
}


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def check_scalable(request: Document) -> tuple[str, str]:
    """Endpoint's and variant's name. Raises ValidationException for what Clary does not scale."""
    if (request["ServiceNamespace"], request["ScalableDimension"]) != (NAMESPACE, DIMENSION):
        raise invalid(
            f"Clary scales {DIMENSION} of service namespace {NAMESPACE}, not {request['ScalableDimension']} of "
            f"{request['ServiceNamespace']}."
        )
    parts = request["ResourceId"].split("/")
    if len(parts) != 4 or parts[0] != "endpoint" or parts[2] != "variant" or not (parts[1] and parts[3]):
        raise invalid(
            f"Unsupported resource ID for service namespace {NAMESPACE}: {request['ResourceId']}. It must be "
            "endpoint/ENDPOINT/variant/VARIANT."
        )
    return parts[1], parts[3]


def target_arn(ctx: Context, request: Document) -> str:
    return ctx.arn("application-autoscaling", f"scalable-target/{_digest(request)[:36]}")


def policy_arn(ctx: Context, request: Document) -> str:
    found = _digest(request, request["PolicyName"])
    number = "-".join((found[:8], found[8:12], found[12:16], found[16:20], found[20:32]))
    where = (
        f"resource/{request['ServiceNamespace']}/{request['ResourceId']}:policyName/{request['PolicyName']}"
    )
    return ctx.arn("autoscaling", f"scalingPolicy:{number}:{where}")


def _digest(request: Document, *more: str) -> str:
    keys = (request["ServiceNamespace"], request["ResourceId"], request["ScalableDimension"], *more)
    return sha256("\0".join(keys).encode()).hexdigest()


def target(ctx: Context, tx: Transaction, request: Document) -> Resource:
    """Raises ObjectNotFoundException."""
    found = tx.resources.find(target_arn(ctx, request))
    if found is None:
        raise missing("No scalable target registered", request)
    return found


def of_target(target: Resource) -> Expression:
    """Which policies are a target's."""
    return Compare("ParentArn", Operator.EQUALS, target.arn)


def limit(message: str) -> ServiceError:
    return ServiceError("LimitExceededException", message)


def missing(what: str, request: Document) -> ServiceError:
    members = [f"{WORDS[member]}: {request[member]}" for member in WORDS if member in request]
    return ServiceError("ObjectNotFoundException", f"{what} for {', '.join(members)}")


def page(
    ctx: Context, tx: Transaction, kind: str, request: Document, wanted: Mapping[str, Iterable[str]] | None = None
) -> tuple[list[Resource], str | None]:  # fmt: skip
    """Of the request's namespace, resource and dimension, newest first. `wanted`: values of further properties."""
    if "ScalableDimension" in request and not request.get("ResourceId") and not request.get("ResourceIds"):
        raise invalid("If you specify a scalable dimension, you must also specify a resource ID.")
    terms: list[Expression] = [
        Compare(member, Operator.EQUALS, request[member])
        for member in ("ServiceNamespace", "ResourceId", "ScalableDimension")
        if member in request
    ]
    terms += [Compare(member, Operator.IN, tuple(values)) for member, values in (wanted or {}).items()]
    query = Query(
        ctx.account, ctx.region, (kind,), Both(tuple(terms)), limit=request.get("MaxResults", PAGE),
        cursor=request.get("NextToken"),
    )  # fmt: skip
    try:
        found = tx.resources.list(query)
    except BadCursor:
        raise ServiceError("InvalidNextTokenException", "The NextToken is invalid.") from None
    return list(found.items), found.cursor
