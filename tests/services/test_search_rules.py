"""Search by AWS's rules: every operator on every type, how much a request may say, and who sees what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.experiments import Regions, regions_in
from tests.support.search import COMPONENTS, hits, populate


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with regions_in(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def populated(regions: Regions) -> Any:
    """For tests that only read."""
    return populate(regions.fresh())


REFUSED = "refused"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        # a text
        ("DisplayName", "shown-1", {
            "Equals": "c1 c3 c5", "NotEquals": "c0 c2 c4 loose", "Contains": "c1 c3 c5", "In": "c1 c3 c5",
            "Exists": "c0 c1 c2 c3 c4 c5 loose", "NotExists": "", "GreaterThan": REFUSED,
            "GreaterThanOrEqualTo": REFUSED, "LessThan": REFUSED, "LessThanOrEqualTo": REFUSED,
        }),
        # a number
        ("Metrics.test:acc.Max", "0.8", {
            "Equals": "c2", "NotEquals": "c0 c1 c3 c4 c5", "GreaterThan": "c0 c1", "GreaterThanOrEqualTo": "c0 c1 c2",
            "LessThan": "c3 c4 c5", "LessThanOrEqualTo": "c2 c3 c4 c5", "Exists": "c0 c1 c2 c3 c4 c5",
            "NotExists": "loose", "Contains": REFUSED, "In": REFUSED,
        }),
        # a parameter that is a number
        ("Parameters.lr", "0.2", {
            "Equals": "c2", "NotEquals": "c0 c1 c3 c4 c5", "GreaterThan": "c3 c4 c5",
            "GreaterThanOrEqualTo": "c2 c3 c4 c5", "LessThan": "c0 c1", "LessThanOrEqualTo": "c0 c1 c2",
            "Exists": "c0 c1 c2 c3 c4 c5", "NotExists": "loose", "Contains": "", "In": "",
        }),
        # a parameter that is a text
        ("Parameters.model", '"custom"', {
            "Equals": "c3 c4 c5", "NotEquals": "c0 c1 c2", "Contains": "c3 c4 c5", "GreaterThan": REFUSED,
            "GreaterThanOrEqualTo": REFUSED, "LessThan": REFUSED, "LessThanOrEqualTo": REFUSED,
            "Exists": "c0 c1 c2 c3 c4 c5", "NotExists": "loose",
        }),
        # a time
        ("CreationTime", "2020-01-01T00:00:00", {
            "Equals": "", "NotEquals": "c0 c1 c2 c3 c4 c5 loose", "GreaterThan": "c0 c1 c2 c3 c4 c5 loose",
            "GreaterThanOrEqualTo": "c0 c1 c2 c3 c4 c5 loose", "LessThan": "", "LessThanOrEqualTo": "",
            "Exists": "c0 c1 c2 c3 c4 c5 loose", "NotExists": "", "Contains": REFUSED, "In": REFUSED,
        }),
        # a tag
        ("Tags.owner", "o4", {
            "Equals": "c4", "NotEquals": "c0 c1 c2 c3 c5", "Contains": "c4", "In": "c4",
            "Exists": "c0 c1 c2 c3 c4 c5", "NotExists": "loose", "GreaterThan": REFUSED, "LessThan": REFUSED,
        }),
        # of a list of structures
        ("Parents.TrialName", "t1", {
            "Equals": "c0 c1 c3 c5", "NotEquals": "c0 c2 c4", "Contains": "c0 c1 c3 c5", "In": "c0 c1 c3 c5",
            "Exists": "c0 c1 c2 c3 c4 c5", "NotExists": "loose", "GreaterThan": REFUSED,
        }),
    ],
)  # fmt: skip
def test_operators_on_every_type(populated: Any, name: str, value: str, expected: dict[str, str]) -> None:
    for operator, found in expected.items():
        condition = (name, operator) if operator.endswith("Exists") else (name, operator, value)
        if found == REFUSED:
            with pytest.raises(ClientError) as raised:
                hits(populated, condition)
            error = raised.value.response["Error"]
            assert error["Code"] == "ValidationException"
            assert name in error["Message"]
        else:
            assert sorted(hits(populated, condition)) == found.split(), operator


def test_contains_may_be_said_once_but_for_names(populated: Any) -> None:
    contains = ("DisplayName", "Contains", "shown"), ("TrialComponentName", "Contains", "c")
    assert len(hits(populated, *contains, ("Parameters.model", "Contains", "resnet"))) == 3
    with pytest.raises(ClientError, match="'CONTAINS' operator usage limit of 1 exceeded"):
        hits(populated, ("Parameters.model", "Contains", "a"), ("Source.SourceArn", "Contains", "b"))
    with pytest.raises(ClientError, match="'CONTAINS' operator usage limit of 1 exceeded"):
        hits(populated, ("ModelName", "Contains", "a"), ("Model.ModelArn", "Contains", "b"), resource="Model")


@pytest.mark.parametrize(("groups", "taken"), [(10, True), (11, False)])
def test_a_search_has_as_many_filters_as_a_store_takes(populated: Any, groups: int, taken: bool) -> None:
    wanted = [{"Name": "Parameters.lr", "Operator": "Equals", "Value": str(value)} for value in range(20)]
    expression = {"SubExpressions": [{"Filters": wanted, "Operator": "Or"}] * groups, "Operator": "Or"}
    if taken:
        found = populated.search(Resource=COMPONENTS, SearchExpression=expression)["Results"]
        assert [hit["TrialComponent"]["TrialComponentName"] for hit in found] == ["c0"]
        return
    with pytest.raises(ClientError, match="at most 200 filters"):
        populated.search(Resource=COMPONENTS, SearchExpression=expression)


def test_visibility_conditions_hold_for_those_that_have_the_tag(populated: Any) -> None:
    asked = {"Resource": COMPONENTS, "SortBy": "TrialComponentName", "SortOrder": "Ascending"}

    def found(*conditions: tuple[str, str]) -> list[str]:
        shown = [{"Key": key, "Value": value} for key, value in conditions]
        results = populated.search(**asked, VisibilityConditions=shown)["Results"]
        return [hit["TrialComponent"]["TrialComponentName"] for hit in results]

    assert found(("Tags.owner", "o3")) == ["c3", "loose"]
    assert found(("Tags.owner", "o3"), ("Tags.owner", "o4")) == ["loose"]
    assert len(found(("Tags.none", "x"))) == 7
    with pytest.raises(ClientError, match=r"must be Tags.<key>, not 'owner'"):
        found(("owner", "o3"))


def test_nothing_comes_from_other_accounts(populated: Any) -> None:
    answer = populated.search(Resource=COMPONENTS, CrossAccountFilterOption="CrossAccount")
    assert (answer["Results"], answer["TotalHits"]["Value"]) == ([], 0)
    same = populated.search(Resource=COMPONENTS, CrossAccountFilterOption="SameAccount")
    assert len(same["Results"]) == 7


def test_every_resource_of_the_model_answers(populated: Any) -> None:
    resources = populated.meta.service_model.shape_for("ResourceType").enum
    for resource in resources:
        if resource in ("Image", "ImageVersion"):
            with pytest.raises(ClientError, match=f"Search over resource {resource} is not supported"):
                populated.search(Resource=resource)
            continue
        assert isinstance(populated.search(Resource=resource)["Results"], list)
        suggested = populated.get_search_suggestions(Resource=resource)["PropertyNameSuggestions"]
        assert 0 < len(suggested) <= 10
