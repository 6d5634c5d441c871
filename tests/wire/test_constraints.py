"""AWS's words for what breaks the model, as its users quote them."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from botocore.model import StringShape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clary.wire.codec import decode
from clary.wire.constraints import test as constraint
from clary.wire.errors import WireError
from clary.wire.messages import HttpRequest
from clary.wire.models import service

ROLE = "arn:aws:iam::123456789012:role/MySageMakerRole"
JOB: dict[str, Any] = {
    "TrainingJobName": "cifar10-training-1795458837",
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/prefix/"},
}
SERVED = (
    "sagemaker",
    "sagemaker-metrics",
    "sagemaker-runtime",
    "sagemaker-featurestore-runtime",
    "sts",
    "iam",
    "s3",
    "logs",
    "cloudwatch",
    "application-autoscaling",
)


def refused(name: str, operation: str, parameters: Any, protocol: str = "json") -> WireError:
    request = HttpRequest("POST", "/", "", {}, json.dumps(parameters).encode())
    with pytest.raises(WireError) as caught:
        decode(service(name).operations[operation], protocol, request)
    return caught.value


def job(**changes: Any) -> WireError:
    return refused("sagemaker", "CreateTrainingJob", {**JOB, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"TrainingJobName": "a_b"},
            "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint: Member "
            "must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
            id="pattern",
        ),
        pytest.param(
            {"TrainingJobName": "a_b" * 22},
            "2 validation errors detected: Value '" + "a_b" * 22 + "' at 'trainingJobName' failed to satisfy "
            "constraint: Member must have length less than or equal to 63; Value '" + "a_b" * 22 + "' at "
            "'trainingJobName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
            "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
            id="two of one member",
        ),
        pytest.param(
            {"RoleArn": None},
            "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be "
            "null",
            id="missing",
        ),
        pytest.param(
            {"ResourceConfig": {"InstanceCount": -1, "VolumeSizeInGB": 1}},
            "1 validation error detected: Value '-1' at 'resourceConfig.instanceCount' failed to satisfy constraint: "
            "Member must have value greater than or equal to 0",
            id="range",
        ),
        pytest.param(
            {"HyperParameters": {"epochs": "9" * 2501}},
            "1 validation error detected: Value '{epochs="
            + "9" * 2501
            + "}' at 'hyperParameters' failed to satisfy "
            "constraint: Map value must satisfy constraint: [Member must have length less than or equal to 2500, "
            "Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: .*]",
            id="map of scalars",
        ),
        pytest.param(
            {"Tags": [{"Key": "team", "Value": "vision"}, {"Key": "", "Value": "x"}]},
            "1 validation error detected: Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must "
            "have length greater than or equal to 1",
            id="item of a list",
        ),
        pytest.param(
            {"VpcConfig": {"SecurityGroupIds": ["sg 1"], "Subnets": []}},
            "2 validation errors detected: Value '[sg 1]' at 'vpcConfig.securityGroupIds' failed to satisfy "
            "constraint: Member must satisfy constraint: [Member must have length less than or equal to 32, Member "
            "must have length greater than or equal to 0, Member must satisfy regular expression pattern: "
            "[-0-9a-zA-Z]+]; Value '[]' at 'vpcConfig.subnets' failed to satisfy constraint: Member must have length "
            "greater than or equal to 1",
            id="list of scalars",
        ),
        pytest.param(
            {"OutputDataConfig": {"S3OutputPath": "s3://b/", "CompressionType": "ZIP"}},
            "1 validation error detected: Value 'ZIP' at 'outputDataConfig.compressionType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [GZIP, NONE]",
            id="enum",
        ),
        pytest.param(
            {"Tags": [None]},
            "1 validation error detected: Value null at 'tags.1.member' failed to satisfy constraint: Member must "
            "not be null",
            id="null item",
        ),
    ],
)
def test_violation_is_told_in_the_words_of_aws(changes: dict[str, Any], message: str) -> None:
    error = job(**changes)
    assert (error.code, error.status) == ("ValidationException", 400)
    assert error.message == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"TrainingJobName": 3}, "NUMBER_VALUE can not be converted to a String"),
        ({"TrainingJobName": True}, "TRUE_VALUE can not be converted to a String"),
        ({"TrainingJobName": []}, "Start of list found where not expected"),
        ({"TrainingJobName": {}}, "Start of structure or map found where not expected."),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": "long"}},
            "STRING_VALUE can not be converted to an Integer",
        ),
        ({"Tags": {}}, "Start of structure or map found where not expected."),
        ({"OutputDataConfig": []}, "Start of list found where not expected"),
        ({"EnableNetworkIsolation": 1}, "NUMBER_VALUE can not be converted to a Boolean"),
    ],
)
def test_wrong_json_type_is_told_in_the_words_of_aws(changes: dict[str, Any], message: str) -> None:
    error = job(**changes)
    assert (error.code, error.message) == ("SerializationException", message)


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b'{"a": "\xff"}', b"[" * 100_000], ids=repr)
def test_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode(
            service("sagemaker").operations["ListExperiments"], "json", HttpRequest("POST", "/", body=body)
        )
    assert caught.value.code == "SerializationException"


@pytest.mark.parametrize(
    ("name", "operation", "parameters", "code"),
    [
        ("logs", "CreateLogGroup", {"logGroupName": "a b"}, "InvalidParameterException"),
        ("cloudwatch", "GetMetricStatistics", {}, "ValidationError"),
        (
            "application-autoscaling",
            "DescribeScalableTargets",
            {"ServiceNamespace": "x"},
            "ValidationException",
        ),
    ],
)
def test_each_service_has_its_code_for_a_violation(
    name: str, operation: str, parameters: dict[str, Any], code: str
) -> None:
    error = refused(name, operation, parameters)
    assert error.code == code
    assert re.match(r"\d validation errors? detected: Value .* at '", error.message)


def test_sts_says_validation_error_in_the_same_words() -> None:
    request = HttpRequest("POST", "/", body=b"Action=AssumeRole&Version=2011-06-15&RoleSessionName=x")
    with pytest.raises(WireError) as caught:
        decode(service("sts").operations["AssumeRole"], "query", request)
    assert caught.value.code == "ValidationError"
    assert (
        "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"
        in caught.value.message
    )


def test_what_the_model_calls_sensitive_is_not_echoed() -> None:
    secret = "s3cret" * 200
    request = HttpRequest(
        "POST", "/endpoints/churn/invocations", headers={"x-amzn-sagemaker-custom-attributes": secret}
    )
    with pytest.raises(WireError) as caught:
        decode(service("sagemaker-runtime").operations["InvokeEndpoint"], "rest-json", request)
    assert caught.value.code == "ValidationError"
    assert caught.value.message == (
        "1 validation error detected: Value at 'customAttributes' failed to satisfy constraint: Member must have "
        "length less than or equal to 1024"
    )


@pytest.mark.parametrize(
    ("source", "refusal"),
    [
        ({"S3Uris": [{}], "ModelPackageArns": [{}]}, True),
        ({"Colour": 1}, True),
        ({"S3Uris": [{}], "ModelPackageArns": None, "__type": "x"}, False),
    ],
)
def test_union_must_have_exactly_one_member(source: dict[str, Any], refusal: bool) -> None:
    error = refused("sagemaker", "CreateAIRecommendationJob", {"AdapterSource": source})
    text = "at 'adapterSource' failed to satisfy constraint: Exactly one member of the union must be set"
    assert (text in error.message) is refusal


def test_unknown_members_and_nulls_are_left_out() -> None:
    body = json.dumps({"TrainingJobName": "a", "Colour": 1, "SecondaryStatus": None}).encode()
    operation = service("sagemaker").operations["DescribeTrainingJob"]
    assert decode(operation, "json", HttpRequest("POST", "/", body=body)) == {"TrainingJobName": "a"}


def patterns() -> list[str]:
    found = {
        shape["pattern"]
        for name in SERVED
        for shape in service(name).model._service_description["shapes"].values()
        if "pattern" in shape
    }
    return sorted(found)


def test_every_pattern_of_the_served_services_compiles() -> None:
    shapes = [
        service(name).model.shape_for(shape)
        for name in SERVED
        for shape, model in service(name).model._service_description["shapes"].items()
        if "pattern" in model and model["type"] == "string"
    ]
    assert len(shapes) > 500
    for shape in shapes:
        met = constraint(shape)
        assert met is not None
        assert met("\n\n") in (True, False)


@cache
def standard() -> list[str]:
    """Those that Python's own `re` knows, for hypothesis to invert."""
    found = []
    for pattern in patterns():
        try:
            re.compile(pattern, re.ASCII)
        except (re.error, FutureWarning):
            continue
        found.append(pattern)
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_a_pattern_describes_meets_it(data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(standard()))
    text = data.draw(st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True))
    met = constraint(StringShape("Text", {"type": "string", "pattern": pattern}))
    assert met is not None
    assert met(text)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", "größe 日本=1", True),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", "a*b", False),
        (r"\p{ASCII}*", "a=b;c", True),
        (r"\p{ASCII}*", "é", False),
        (r"\A\S[\p{Print}]*\z", "id-1", True),
        (r"\A\S[\p{Print}]*\z", " id", False),
        (r"[\w+=,.@-]*", "é", False),
        (r"[0-9]+", "12x", False),
        (r"^[0-9]+$", "12\n", False),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a😹", True),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a\x00", False),
    ],
)
def test_patterns_mean_what_java_means(pattern: str, text: str, fits: bool) -> None:
    met = constraint(StringShape("Text", {"type": "string", "pattern": pattern}))
    assert met is not None
    assert met(text) is fits


def test_pattern_that_takes_exponential_time_is_given_up() -> None:
    met = constraint(StringShape("Text", {"type": "string", "pattern": "(.*.*)*[0-9]+(a|aa|aaa)+x"}))
    assert met is not None
    # Without its timeout, this call outlives the sun.
    assert not met("1" * 40 + "a" * 4000)
