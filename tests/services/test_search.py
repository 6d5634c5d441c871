"""Search as AWS's clients use it, over a real socket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.experiments import Region, Regions, regions_in

COMPONENTS = "ExperimentTrialComponent"


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


def populate(region: Region) -> Any:
    """Experiment `exp` with trials `t0` and `t1`; components `c0` to `c5`: even ones in `t0`, odd ones in `t1`,
    `c0` in both; `loose` in none."""
    sm, metrics = region.client("sagemaker"), region.client("sagemaker-metrics")
    sm.create_experiment(ExperimentName="exp")
    for trial in ("t0", "t1"):
        sm.create_trial(TrialName=trial, ExperimentName="exp")
    for number in range(6):
        name = f"c{number}"
        sm.create_trial_component(
            TrialComponentName=name,
            DisplayName=f"shown-{number % 2}",
            Parameters={
                "lr": {"NumberValue": number / 10},
                "model": {"StringValue": '"resnet"' if number < 3 else '"custom"'},
                "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
            },
            Tags=[{"Key": "owner", "Value": f"o{number}"}],
        )
        sm.associate_trial_component(TrialComponentName=name, TrialName=f"t{number % 2}")
        points = [
            {"MetricName": "test:acc", "Value": value, "Timestamp": int(time.time()), "Step": step}
            for step, value in enumerate((number / 10, 1 - number / 10, 0.25))
        ]
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=points)
    sm.associate_trial_component(TrialComponentName="c0", TrialName="t1")
    sm.create_trial_component(TrialComponentName="loose")
    return sm


def hits(sm: Any, *filters: tuple[str, ...], resource: str = COMPONENTS, **request: Any) -> list[str]:
    expression = {
        "Filters": [
            {"Name": name, "Operator": operator} | ({"Value": value[0]} if value else {})
            for name, operator, *value in filters
        ]
    }
    answer = sm.search(Resource=resource, SearchExpression=expression if filters else {}, **request)
    record = answer["Results"] and next(iter(answer["Results"][0]))
    return [result[record][f"{record}Name"] for result in answer["Results"]]


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
