"""botocore's client against our codec on the real models: whatever it sends is read, whatever we write it reads."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wire.parameters import inputs, outputs, unpatterned
from tests.wire.roundtrip import comparable, dated, received, sent

from clary.wire import routes
from clary.wire.codec import decode, encode
from clary.wire.models import Operation

SERVICES = [
    ("sagemaker", "json"),
    ("sagemaker-metrics", "rest-json"),
    ("sagemaker-runtime", "rest-json"),
    ("sagemaker-featurestore-runtime", "rest-json"),
    ("logs", "json"),
    ("s3", "rest-xml"),
    ("sts", "query"),
    ("iam", "query"),
    ("cloudwatch", "smithy-rpc-v2-cbor"),
    ("cloudwatch", "json"),
    ("cloudwatch", "query"),
    ("application-autoscaling", "json"),
]
UNREACHABLE = {"ListDirectoryBuckets", "GetBucketLifecycle", "PutBucketLifecycle"} | {
    "GetBucketNotification",
    "PutBucketNotification",
}
"""Operations of S3 at the address of another: of express buckets' own host, or replaced by a newer form."""
READ_APART = {
    # Event streams: test_eventstream. GetBucketLocation, which has its own parser: test_codec.
    "InvokeEndpointWithResponseStream",
    "SelectObjectContent",
    "StartLiveTail",
    "GetLogObject",
    "GetBucketLocation",
}
QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def operations(name: str) -> st.SearchStrategy[Operation]:
    known = unpatterned(name).operations
    return st.sampled_from([known[one] for one in sorted(known) if one not in UNREACHABLE])


@pytest.mark.parametrize(("name", "protocol"), SERVICES)
@QUICK
@given(data=st.data())
def test_what_botocore_sends_is_read(name: str, protocol: str, data: st.DataObject) -> None:
    operation = data.draw(operations(name))
    parameters = data.draw(inputs(operation, protocol))
    request = sent(operation, protocol, parameters)
    match = routes.find(unpatterned(name), request)
    assert match is not None
    assert (match.operation.name, match.protocol) == (operation.name, protocol)
    document = decode(operation, protocol, request)
    payload = operation.input.serialization.get("payload") if operation.input else None
    if payload and payload not in parameters and not document.get(payload):
        document.pop(payload, None)  # An empty payload and none are the same on the wire.
    assert dated(document, parameters) == comparable(parameters)


@pytest.mark.parametrize(("name", "protocol"), SERVICES)
@QUICK
@given(data=st.data())
def test_what_is_written_botocore_reads(name: str, protocol: str, data: st.DataObject) -> None:
    operation = data.draw(operations(name).filter(lambda one: one.name not in READ_APART))
    document = data.draw(outputs(operation, protocol))
    response = encode(operation, protocol, {**document, "Unknown": object()}, "rid")
    found = received(operation, protocol, response)
    if "ContentType" not in document:
        found.pop("ContentType", None)  # Every body says what it is.
    payload = operation.output.serialization.get("payload") if operation.output else None
    for name in filter(None, ("Metadata", payload)):
        if name not in document and not found.get(name):
            found.pop(name, None)  # botocore reads empty ones from answers that have none.
    assert comparable(found) == comparable(document)
