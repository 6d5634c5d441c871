"""What of endpoints is refused, in which words, and that it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import BUCKET, Endpoints
from tests.support.process import IMAGE, ROLE, Clary

MACHINE = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
ASYNC = {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/out"}}}
V, W = {"VariantName": "v"}, {"VariantName": "w"}


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


@pytest.fixture(scope="module")
def model(endpoints: Endpoints) -> str:
    return endpoints.model()


@pytest.fixture(scope="module")
def echo(endpoints: Endpoints, model: str) -> Iterator[str]:
    name = endpoints.up(model)
    yield name
    endpoints.delete(name)


@pytest.mark.parametrize(
    ("variants", "more", "words"),
    [
        ([{**V, **MACHINE, **SERVERLESS}], {}, "InitialInstanceCount and InstanceType must be left out"),
        (
            [{**V, "ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1}}],
            {},
            "must be one of 1024, 2048, 3072, 4096, 5120, 6144, not 1500",
        ),
        ([V], {}, "needs an InstanceType or a ServerlessConfig"),
        ([{**V, **MACHINE}, {**V, **MACHINE}], {}, "Duplicate variant name 'v'"),
        (
            [{**V, **MACHINE}, {**W, **MACHINE}],
            {"ShadowProductionVariants": [{"VariantName": "s", **MACHINE}]},
            "one production variant and one shadow variant, not more",
        ),
        ([{**V, **MACHINE, "InitialInstanceCount": 65}], {}, "plays at most 64 of a variant"),
        ([{**V, **MACHINE, "AcceleratorType": "ml.eia1.medium"}], {}, "AcceleratorType: leave it out"),
        (
            [{**V, **MACHINE, "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 1}}],
            {},
            "ManagedInstanceScaling: leave it out",
        ),
        ([{**V, **MACHINE}], {"AsyncInferenceConfig": {"OutputConfig": {}}}, "needs an S3OutputPath"),
        (
            [{**V, **MACHINE}],
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://no-such-bucket/out"}}},
            "bucket 'no-such-bucket' of S3OutputPath s3://no-such-bucket/out does not exist",
        ),
    ],
)
def test_configurations(
    endpoints: Endpoints, model: str, variants: list[dict[str, Any]], more: dict[str, Any], words: str
) -> None:
    shadows = [{"ModelName": model, **each} for each in more.get("ShadowProductionVariants", [])]
    if shadows:
        more = {"ShadowProductionVariants": shadows}
    with pytest.raises(ClientError) as raised:
        endpoints.sagemaker.create_endpoint_config(
            EndpointConfigName="refused",
            ProductionVariants=[{"ModelName": model, **each} for each in variants],
            **more,
        )
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert words in raised.value.response["Error"]["Message"]
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        endpoints.sagemaker.describe_endpoint_config(EndpointConfigName="refused")


def test_many_models_where_no_request_can_name_one(endpoints: Endpoints) -> None:
    many = endpoints.model(Mode="MultiModel", ModelDataUrl=f"s3://{BUCKET}/many/")
    with pytest.raises(ClientError, match="AsyncInferenceConfig cannot have a model with Mode MultiModel"):
        endpoints.config(many, **ASYNC)
    with pytest.raises(ClientError, match="model cannot have a container with Mode MultiModel"):
        endpoints.sagemaker.create_transform_job(
            TransformJobName="many",
            ModelName=many,
            TransformInput={
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in"}}
            },
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )
    with pytest.raises(ClientError, match="needs a ModelDataUrl: the S3 prefix"):
        endpoints.sagemaker.create_model(
            ModelName="nowhere",
            PrimaryContainer={"Image": IMAGE, "Mode": "MultiModel"},
            ExecutionRoleArn=ROLE,
        )


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"VariantName": "x", "DesiredWeight": 1.0}, '"x" is/are not present within endpoint configuration'),
        ({"VariantName": "v0", "DesiredInstanceCount": 0}, "needs an instance at least"),
        ({"VariantName": "v0", "DesiredInstanceCount": 1000}, "plays at most 64 of a variant"),
    ],
)
def test_weights_and_capacities(endpoints: Endpoints, echo: str, wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError) as raised:
        endpoints.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=echo, DesiredWeightsAndCapacities=[wanted]
        )
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert words in raised.value.response["Error"]["Message"]
    assert endpoints.describe(echo)["EndpointStatus"] == "InService"
    assert endpoints.invoke(echo)["Body"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"EnableExplanations": "`true`"}, "has no ClarifyExplainerConfig"),
        ({"InferenceComponentName": "c"}, "no inference components"),
        ({"TargetVariant": "v9"}, "Variant v9 not found for Endpoint"),
        ({"TargetModel": "m.tar.gz"}, "does not support target models"),
        ({"TargetContainerHostname": "h"}, "not configured for direct invocation"),
    ],
)
def test_invocations(endpoints: Endpoints, echo: str, members: dict[str, str], words: str) -> None:
    with pytest.raises(ClientError) as raised:
        endpoints.invoke(echo, **members)
    assert raised.value.response["Error"]["Code"] == "ValidationError"
    assert words in raised.value.response["Error"]["Message"]


def test_an_asynchronous_endpoint_is_asked_by_its_own_operation(endpoints: Endpoints, model: str) -> None:
    name = endpoints.up(model, **ASYNC)
    for ask in (endpoints.runtime.invoke_endpoint, endpoints.runtime.invoke_endpoint_with_response_stream):
        with pytest.raises(ClientError, match="is asynchronous: use InvokeEndpointAsync") as raised:
            ask(EndpointName=name, Body=b"1")
        assert raised.value.response["Error"]["Code"] == "ValidationError"
    changes = [{"VariantName": "v0", "DesiredInstanceCount": 0}]  # which only such an endpoint may
    endpoints.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=changes
    )
    endpoints.delete(name)
