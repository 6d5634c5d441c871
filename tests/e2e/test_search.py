"""Search over what jobs, models and endpoints leave in the store, on a server that really runs them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import Endpoints
from tests.support.process import IMAGE, Clary


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


def hits(sm: Any, resource: str, name: str = "", value: str = "", operator: str = "Equals") -> list[Any]:
    expression = {"Filters": [{"Name": name, "Operator": operator, "Value": value}]} if name else {}
    results = sm.search(Resource=resource, SearchExpression=expression)["Results"]
    return [next(iter(result.values())) for result in results]


def suggestions(sm: Any, resource: str, hint: str) -> list[str]:
    query = {"PropertyNameQuery": {"PropertyNameHint": hint}}
    answer = sm.get_search_suggestions(Resource=resource, SuggestionQuery=query)
    return [each["PropertyName"] for each in answer["PropertyNameSuggestions"]]


def test_models_and_endpoints(endpoints: Endpoints) -> None:
    sm, model, idle = endpoints.sagemaker, endpoints.model(label="a"), endpoints.model(label="b")
    sm.add_tags(
        ResourceArn=sm.describe_model(ModelName=idle)["ModelArn"], Tags=[{"Key": "team", "Value": "x"}]
    )
    name = endpoints.up(model)

    (hit,) = hits(sm, "Model", "ModelName", model)
    assert hit["Model"]["PrimaryContainer"]["Image"] == IMAGE
    (serving,) = hit["Endpoints"]
    assert (serving["EndpointName"], serving["EndpointStatus"]) == (name, "InService")
    (hit,) = hits(sm, "Model", "Model.Tags.team", "x")
    assert (hit["Model"]["ModelName"], hit["Endpoints"]) == (idle, [])
    assert hit["Model"]["Tags"] == [{"Key": "team", "Value": "x"}]
    assert len(hits(sm, "Model", "PrimaryContainer.Image", IMAGE)) == 2
    assert suggestions(sm, "Model", "PrimaryContainer.ModelDataU") == ["PrimaryContainer.ModelDataUrl"]

    (found,) = hits(sm, "Endpoint", "EndpointStatus", "InService")
    assert found["EndpointName"] == name
    assert found["ProductionVariants"][0]["VariantName"] == "v0"
    assert hits(sm, "Endpoint", "ProductionVariants.VariantName", "v0") == [found]
    assert hits(sm, "Endpoint", "ProductionVariants.VariantName", "other") == []
    assert "ProductionVariants.VariantName" in suggestions(sm, "Endpoint", "productionvariants.Var")
    assert suggestions(sm, "Endpoint", "EndpointSt") == ["EndpointStatus"]


@pytest.mark.parametrize("resource", ["Pipeline", "ModelPackage", "FeatureGroup", "Project", "ModelCard"])
def test_kinds_of_which_there_are_none(endpoints: Endpoints, resource: str) -> None:
    assert hits(endpoints.sagemaker, resource, "CreationTime", "2020-01-01T00:00:00Z", "GreaterThan") == []
    with pytest.raises(ClientError, match="Unknown property name: Nothing"):
        hits(endpoints.sagemaker, resource, "Nothing", "x")
