"""Search as AWS's clients use it, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.experiments import Region, Regions, regions_in
from tests.support.search import COMPONENTS, hits, populate


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with regions_in(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def region(regions: Regions) -> Region:
    return regions.fresh()


@pytest.fixture(scope="module")
def populated(regions: Regions) -> Any:
    """For tests that only read."""
    return populate(regions.fresh())


@pytest.fixture
def sm(region: Region) -> Any:
    return populate(region)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("Parents.ExperimentName", "Equals", "exp"), "c0 c1 c2 c3 c4 c5"),
        (("Parents.TrialName", "Equals", "t1"), "c0 c1 c3 c5"),
        (("Parents.TrialName", "NotExists"), "loose"),
        (("TrialComponentName", "Equals", "c3"), "c3"),
        (("DisplayName", "NotEquals", "shown-0"), "c1 c3 c5 loose"),
        (("DisplayName", "Contains", "wn-1"), "c1 c3 c5"),
        (("TrialComponentName", "In", "c1,c2,none"), "c1 c2"),
        (("Parameters.lr", "Exists"), "c0 c1 c2 c3 c4 c5"),
        (("Parameters.lr", "NotExists"), "loose"),
        (("Parameters.lr", "GreaterThanOrEqualTo", "0.3"), "c3 c4 c5"),
        (("Parameters.lr", "LessThan", "0.2"), "c0 c1"),
        (("parameters.lr", "Equals", "0.30"), "c3"),
        (("Parameters.model", "Equals", '"custom"'), "c3 c4 c5"),
        (("Parameters.SageMaker.InstanceType", "Equals", "ml.m5.large"), "c0 c1 c2 c3 c4 c5"),
        (("Metrics.test:acc.max", "GreaterThan", "0.75"), "c0 c1 c2"),
        (("metrics.test:acc.MIN", "LessThanOrEqualTo", "0.1"), "c0 c1"),
        (("Metrics.test:acc.Count", "Equals", "3"), "c0 c1 c2 c3 c4 c5"),
        (("Tags.owner", "Equals", "o4"), "c4"),
        (("CreationTime", "GreaterThan", "2020-01-01T00:00:00Z"), "c0 c1 c2 c3 c4 c5 loose"),
        (("CreationTime", "LessThan", "2020-01-01T00:00:00"), ""),
        (("CreatedBy.IamIdentity.Arn", "Contains", ":root"), "c0 c1 c2 c3 c4 c5 loose"),
    ],
)  # fmt: skip
def test_filters(populated: Any, condition: tuple[str, ...], expected: str) -> None:
    assert sorted(hits(populated, condition)) == expected.split()


def test_expressions_combine(populated: Any) -> None:
    both = hits(populated, ("Parents.TrialName", "Equals", "t1"), ("Parameters.lr", "LessThan", "0.3"))
    assert sorted(both) == ["c0", "c1"]
    answer = populated.search(
        Resource=COMPONENTS,
        SearchExpression={
            "Operator": "Or",
            "Filters": [{"Name": "TrialComponentName", "Operator": "Equals", "Value": "loose"}],
            "SubExpressions": [
                {
                    "Filters": [
                        {"Name": "Parameters.lr", "Operator": "GreaterThan", "Value": "0.1"},
                        {"Name": "Parameters.model", "Operator": "Contains", "Value": "resnet"},
                    ]
                }
            ],
        },
    )
    assert sorted(hit["TrialComponent"]["TrialComponentName"] for hit in answer["Results"]) == ["c2", "loose"]
    assert answer["TotalHits"] == {"Value": 2, "Relation": "EqualTo"}


@pytest.mark.parametrize(
    ("by", "order", "expected"),
    [
        ("Metrics.test:acc.max", "Descending", "c0 c1 c2 c3 c4 c5"),
        ("metrics.test:acc.max", "Ascending", "c5 c4 c3 c2 c1 c0"),
        ("Parameters.lr", "Descending", "c5 c4 c3 c2 c1 c0"),
        ("TrialComponentName", "Ascending", "c0 c1 c2 c3 c4 c5"),
        ("CreationTime", "Descending", "c5 c4 c3 c2 c1 c0"),
        ("Tags.owner", "Ascending", "c0 c1 c2 c3 c4 c5"),
    ],
)
def test_sorting(populated: Any, by: str, order: str, expected: str) -> None:
    condition = ("Parents.ExperimentName", "Equals", "exp")
    found = hits(populated, condition, SortBy=by, SortOrder=order)
    if by == "Metrics.test:acc.max":
        assert found[:4] == expected.split()[:4]
    elif by == "metrics.test:acc.max":
        assert found[-4:] == expected.split()[-4:]
    else:
        assert found == expected.split()


def test_rows_without_the_property_come_last(populated: Any) -> None:
    assert hits(populated, SortBy="Parameters.lr", SortOrder="Ascending")[-1] == "loose"
    assert hits(populated, SortBy="Parameters.lr", SortOrder="Descending")[-1] == "loose"


def test_pages_are_stable_while_rows_change(sm: Any) -> None:
    request = {
        "Resource": COMPONENTS,
        "SortBy": "TrialComponentName",
        "SortOrder": "Ascending",
        "MaxResults": 2,
    }
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = sm.search(**request, **token)
        found += [hit["TrialComponent"]["TrialComponentName"] for hit in answer["Results"]]
        if len(found) == 2:
            sm.create_trial_component(TrialComponentName="a-before-all")
            sm.delete_trial_component(TrialComponentName="loose")
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert found == ["c0", "c1", "c2", "c3", "c4", "c5"]


def test_pages_after_the_first_are_larger_where_no_size_is_asked_for(region: Region) -> None:
    """The first hits come soon; who goes on wants all, and each page has its cost to the client."""
    client = region.client("sagemaker")
    for number in range(230):
        client.create_experiment(ExperimentName=f"e{number}")
    pages: list[list[str]] = []
    token: dict[str, str] = {}
    while True:
        answer = client.search(Resource="Experiment", **token)
        pages.append([hit["Experiment"]["ExperimentName"] for hit in answer["Results"]])
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert [len(page) for page in pages] == [100, 130]
    assert [name for page in pages for name in page] == [f"e{number}" for number in reversed(range(230))]
    answer = client.search(Resource="Experiment", MaxResults=50)
    answer = client.search(Resource="Experiment", MaxResults=50, NextToken=answer["NextToken"])
    assert len(answer["Results"]) == 50


def test_hits_have_what_the_dataframe_needs(populated: Any) -> None:
    expression = {"Filters": [{"Name": "TrialComponentName", "Operator": "In", "Value": "c0,loose"}]}
    answer = populated.search(Resource=COMPONENTS, SearchExpression=expression, SortBy="TrialComponentName")
    loose, c0 = (hit["TrialComponent"] for hit in answer["Results"])
    for hit in (loose, c0):
        assert (hit["InputArtifacts"], hit["OutputArtifacts"]) == ({}, {})
    assert (loose["Parameters"], loose["Parents"], loose["Metrics"]) == ({}, [], [])
    assert c0["Parents"] == [
        {"TrialName": "t0", "ExperimentName": "exp"},
        {"TrialName": "t1", "ExperimentName": "exp"},
    ]
    assert c0["Tags"] == [{"Key": "owner", "Value": "o0"}]
    assert c0["Metrics"][0]["Max"] == 1.0
    assert c0["DisplayName"] == "shown-0"


def test_a_write_is_found_at_once(sm: Any) -> None:
    """Run asks whether the component that it has just made is associated."""
    filters = ("TrialComponentName", "Equals", "new"), ("Parents.TrialName", "Equals", "t0")
    sm.create_trial_component(TrialComponentName="new")
    assert hits(sm, *filters) == []
    sm.associate_trial_component(TrialComponentName="new", TrialName="t0")
    assert hits(sm, *filters) == ["new"]
    sm.update_trial_component(TrialComponentName="new", Parameters={"lr": {"NumberValue": 7}})
    assert hits(sm, *filters, ("Parameters.lr", "Equals", "7")) == ["new"]
    sm.disassociate_trial_component(TrialComponentName="new", TrialName="t0")
    assert hits(sm, *filters) == []


def test_other_resources(populated: Any) -> None:
    assert hits(populated, ("ExperimentName", "Equals", "exp"), resource="Experiment") == ["exp"]
    assert sorted(hits(populated, ("ExperimentName", "Equals", "exp"), resource="ExperimentTrial")) == [
        "t0",
        "t1",
    ]
    trial = populated.search(
        Resource="ExperimentTrial",
        SearchExpression={"Filters": [{"Name": "TrialName", "Operator": "Equals", "Value": "t1"}]},
    )["Results"][0]["Trial"]
    members = sorted(item["TrialComponentName"] for item in trial["TrialComponentSummaries"])
    assert members == ["c0", "c1", "c3", "c5"]
    assert hits(populated, resource="TrainingJob") == []
    assert hits(populated, resource="ModelPackageGroup") == []


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (("Parents.Nonsense", "Equals", "x"), "Unknown property name: Parents.Nonsense"),
        (("DisplayName", "GreaterThan", "x"), "not supported for text properties"),
        (("DisplayName", "Equals"), "A value is required"),
        (("Metrics.a.max", "Equals", "high"), "Invalid value"),
        (("DisplayName", "Like", "x"), "Member must satisfy enum value set"),
    ],
)
def test_wrong_expressions_are_explained(populated: Any, condition: tuple[str, ...], words: str) -> None:
    with pytest.raises(ClientError) as raised:
        hits(populated, condition)
    error = raised.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert words in error["Message"]


def test_suggestions(populated: Any) -> None:
    def suggest(hint: str) -> list[str]:
        answer = populated.get_search_suggestions(
            Resource=COMPONENTS, SuggestionQuery={"PropertyNameQuery": {"PropertyNameHint": hint}}
        )
        return [item["PropertyName"] for item in answer["PropertyNameSuggestions"]]

    assert suggest("Display") == ["DisplayName"]
    assert suggest("parameters.l") == ["Parameters.lr"]
    assert "Metrics.test:acc.Last" in suggest("Metrics.")
    assert suggest("Nonsense") == []


def test_nested_filters_hold_for_one_parent(sm: Any) -> None:
    sm.create_experiment(ExperimentName="other")
    sm.create_trial(TrialName="away", ExperimentName="other")
    for component in ("c1", "c2"):
        sm.associate_trial_component(TrialComponentName=component, TrialName="away")

    def found(trial: str, experiment: str) -> list[str]:
        filters = [
            {"Name": "Parents.TrialName", "Operator": "Equals", "Value": trial},
            {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": experiment},
        ]
        expression = {"NestedFilters": [{"NestedPropertyName": "Parents", "Filters": filters}]}
        answer = sm.search(Resource=COMPONENTS, SearchExpression=expression)
        return sorted(hit["TrialComponent"]["TrialComponentName"] for hit in answer["Results"])

    assert found("away", "other") == ["c1", "c2"]
    assert found("t1", "exp") == ["c0", "c1", "c3", "c5"]
    assert found("t1", "other") == [], "c1 is in t1 and in a trial of other, but not in a t1 of other"
