"""Whom an invocation asks: the endpoint's route, one of its variants, a container or a model of it, and what that is
told in headers."""

from __future__ import annotations

from collections.abc import Mapping

from clary.api import Context, Document, ServiceError
from clary.api.routes import MODEL, NotReady, Route, Unreadable, Variant

FORWARDED = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "TargetModel": "X-Amzn-SageMaker-Target-Model",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
}
"""Members of a request that the model server is told, and in which header."""


def arn(ctx: Context, name: str) -> str:
    return f"arn:aws:sagemaker:{ctx.region}:{ctx.account}:endpoint/{name.lower()}"


def find(ctx: Context, name: str) -> Route:
    route = ctx.ports.routes.find(arn(ctx, name))
    if route is None:
        raise invalid(f"Endpoint {name} of account {ctx.account} not found.")
    return route


def target(route: Route, request: Document) -> Variant:
    """Whom a request asks that is answered at once. Raises ValidationError."""
    if "InferenceComponentName" in request:
        raise invalid("Clary's endpoints have no inference components.")
    endpoint = request["EndpointName"]
    if "EnableExplanations" in request:
        raise invalid(
            f"EnableExplanations is not allowed: endpoint {endpoint} has no ClarifyExplainerConfig."
        )
    name = request.get("TargetVariant")
    variant = route.choose() if name is None else route.named(name)
    if variant is None:
        raise invalid(f"Variant {name} not found for Endpoint {endpoint}.")
    if variant.asynchronous:
        raise invalid(f"Endpoint {endpoint} is asynchronous: use InvokeEndpointAsync.")
    return variant


def container(variant: Variant, request: Document) -> str:
    """The one that is asked, of those from which callers choose. Raises ValidationError."""
    name = request.get("TargetContainerHostname")
    if name is None and not variant.containers:
        return ""
    if not variant.containers:
        raise invalid(
            f"TargetContainerHostname is not allowed: endpoint {request['EndpointName']} is not configured for direct "
            "invocation."
        )
    there = f"Its containers are {', '.join(variant.containers)}."
    if name is None:
        raise invalid(
            f"TargetContainerHostname must be given: endpoint {request['EndpointName']} is configured for direct "
            f"invocation. {there}"
        )
    if name not in variant.containers:
        raise invalid(f"Container {name} not found for Endpoint {request['EndpointName']}. {there}")
    return str(name)


async def headers(variant: Variant, request: Document) -> Mapping[str, str]:
    """Raises ValidationError for a model that the variant does not have."""
    found = {wire: str(request[member]) for member, wire in FORWARDED.items() if member in request}
    model = request.get("TargetModel")
    if variant.models is None:
        if model is not None:
            raise invalid(
                "Endpoint does not support target models: only endpoints with multi-model variants take TargetModel."
            )
        return found
    if model is None:
        raise invalid("Endpoint has multi-model variants: TargetModel must be given.")
    try:
        found[MODEL] = await variant.models.locate(model)
    except LookupError as error:
        raise invalid(str(error.args[0])) from None
    except NotReady as error:
        raise not_ready(error) from None
    except Unreadable as error:
        raise ServiceError("InternalDependencyException", str(error), 530) from error
    return found


def not_ready(error: NotReady) -> ServiceError:
    return ServiceError("ModelNotReadyException", str(error), 429)


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)
