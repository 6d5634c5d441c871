"""InvokeEndpointAsync: the request is kept and answered 202; `orchestrator.endpoints.asynchronous` carries it out."""

from __future__ import annotations

import uuid
from base64 import b64encode

from clary.api import Context, Document, ServiceError, operation
from clary.services.runtime.targets import FORWARDED, invalid
from clary.storage.objects import NoSuchBucket
from clary.storage.ports import Effect, Resource

KIND = "AsyncInvocation"
"""Rows that no List shows; each goes when its invocation is over."""
INFER = "infer"
TTL, TIMEOUT = 21_600, 900
"""Seconds that a request waits at most, and that the model has for it, unless the request says otherwise."""


@operation("sagemaker-runtime", "InvokeEndpointAsync")
def invoke_endpoint_async(ctx: Context, request: Document) -> Document:
    name = request["EndpointName"]
    arn = f"arn:aws:sagemaker:{ctx.region}:{ctx.account}:endpoint/{name.lower()}"
    given = _input(request)
    number = str(uuid.uuid4())
    with ctx.begin() as tx:
        endpoint = tx.resources.find(arn)
        if endpoint is None or not endpoint.state["Clary"]["active"] or endpoint.target == "Deleted":
            raise invalid(f"Endpoint {name} of account {ctx.account} not found.")
        config = endpoint.state["Clary"]["fleets"][endpoint.state["Clary"]["active"]]["async"]
        if config is None:
            raise invalid(
                f"Endpoint {name} is not asynchronous: its configuration has no AsyncInferenceConfig."
            )
        if "bucket" in given:
            _check_input(ctx, given["bucket"], given["key"], request["InputLocation"])
        output = config["OutputConfig"]
        inference = request.get("InferenceId") or str(uuid.uuid4())
        extension = request.get("S3OutputPathExtension", "").strip("/")
        base = "/".join(filter(None, [output.get("S3OutputPath", "").rstrip("/"), extension]))
        spec: Document = {
            "endpoint": arn,
            **given,
            "headers": {FORWARDED[member]: request[member] for member in FORWARDED if member in request},
            "output": f"{base}/{request.get('Filename') or f'{number}.out'}",
            "failure": f"{output['S3FailurePath'].rstrip('/')}/{number}-error.out"
            if "S3FailurePath" in output
            else None,
            "inference": inference,
            "expires": ctx.now + request.get("RequestTTLSeconds", TTL),
            "timeout": request.get("InvocationTimeoutSeconds", TIMEOUT),
            "notify": output.get("NotificationConfig"),
        }
        row = Resource(
            arn=f"{arn}/invocation/{number}", account=ctx.account, region=ctx.region, kind=KIND, name=number,
            created=ctx.now, modified=ctx.now, spec=spec,
        )  # fmt: skip
        tx.resources.insert(row)
        tx.outbox.put(Effect(row.arn, row.generation, INFER, due=ctx.now))
    return {"InferenceId": inference, "OutputLocation": spec["output"], "FailureLocation": spec["failure"]}


def _input(request: Document) -> Document:
    """Where the payload is, `bucket` and `key`; or itself in base64, `body`. Raises ValidationError."""
    location, body = request.get("InputLocation"), request.get("Body")
    if (location is None) == (not body):
        raise invalid("InvokeEndpointAsync takes either an InputLocation or a Body.")
    if location is None:
        return {"body": b64encode(request["Body"]).decode("ascii")}
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return {"bucket": bucket, "key": key}


def _check_input(ctx: Context, bucket: str, key: str, location: str) -> None:
    try:
        found = ctx.objects.find(bucket, key)
    except NoSuchBucket:
        found = None
    if found is None:
        raise ServiceError("ValidationError", f"There is no object at InputLocation {location}.")
    if found.size > 1 << 30:
        raise ServiceError("ValidationError", f"The object at InputLocation {location} is larger than 1 GB.")
