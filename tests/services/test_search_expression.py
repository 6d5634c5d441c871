"""From AWS's search expressions to the store's: names, values, operators, nesting."""

from __future__ import annotations

from typing import Any

import pytest

from clary.api import ServiceError
from clary.domain.search import Both, Compare, Either, Expression, Nested, Operator
from clary.services.sagemaker.search import RESOURCES, record_shape
from clary.services.sagemaker.search_expression import expression, properties


def translate(resource: str = "ExperimentTrialComponent", **document: Any) -> Expression | None:
    return expression(record_shape(resource)[1], document)


def one(
    name: str, value: str | None = None, operator: str = "Equals", resource: str = "ExperimentTrialComponent"
) -> Any:
    item = {"Name": name, "Operator": operator} | ({} if value is None else {"Value": value})
    return translate(resource, Filters=[item])


@pytest.mark.parametrize("resource", sorted(RESOURCES))
def test_every_resource_has_a_record(resource: str) -> None:
    assert record_shape(resource)[1].members


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("DisplayName", ["DisplayName"]),
        ("displayname", ["DisplayName"]),
        ("Source.SourceArn", ["Source.SourceArn"]),
        ("Parameters.lr", ["Parameters.lr.NumberValue", "Parameters.lr.StringValue"]),
        (
            "parameters.SageMaker.InstanceType",
            [
                "Parameters.SageMaker.InstanceType.NumberValue",
                "Parameters.SageMaker.InstanceType.StringValue",
            ],
        ),
        ("Parameters.lr.NumberValue", ["Parameters.lr.NumberValue"]),
        ("InputArtifacts.data.Value", ["InputArtifacts.data.Value"]),
        ("metrics.test:acc.max", ["Metrics.test:acc.Max"]),
        ("Metrics.acc", ["Metrics.acc.Last"]),
        ("Tags.owner", ["Tags.owner"]),
        ("Parents.ExperimentName", ["Parents.ExperimentName"]),
        ("parents.trialname", ["Parents.TrialName"]),
        ("CreatedBy.IamIdentity.Arn", ["CreatedBy.IamIdentity.Arn"]),
        ("SourceDetail.TrainingJob.HyperParameters.lr", ["SourceDetail.TrainingJob.HyperParameters.lr"]),
    ],
)
def test_names(name: str, paths: list[str]) -> None:
    assert [item.path for item in properties(record_shape("ExperimentTrialComponent")[1], name)] == paths


@pytest.mark.parametrize("name", ["Nonsense", "Source", "Source.Nonsense", "DisplayName.More", "Parameters"])
def test_unknown_names_are_named(name: str) -> None:
    with pytest.raises(ServiceError, match=f"Unknown property name: {name}"):
        one(name, "x")


def test_values_are_what_the_shape_says() -> None:
    equals = Operator.EQUALS
    assert one("DisplayName", "7") == Compare("DisplayName", equals, "7")
    assert one("CreationTime", "2026-11-24T00:00:00", "GreaterThan") == Compare(
        "CreationTime", Operator.GREATER_THAN, 1795478400.0
    )
    assert one("CreationTime", "1795478400", "LessThan").value == 1795478400.0
    assert one("Parameters.lr", "0.1") == Either(
        (
            Compare("Parameters.lr.NumberValue", equals, 0.1),
            Compare("Parameters.lr.StringValue", equals, "0.1"),
        )
    )
    assert one("Parameters.lr", "0.1", "GreaterThan") == Compare(
        "Parameters.lr.NumberValue", Operator.GREATER_THAN, 0.1
    )
    assert one("Parameters.opt", "adam") == Compare("Parameters.opt.StringValue", equals, "adam")
    assert one("Metrics.acc.max", "0.5", "LessThan") == Compare("Metrics.acc.Max", Operator.LESS_THAN, 0.5)
    assert one("HyperParameters.lr", "0.5", "LessThan", "TrainingJob").value == 0.5
    assert one("HyperParameters.opt", "adam", "Equals", "TrainingJob").value == "adam"
    assert one("DisplayName", "a, b", "In").value == ("a", "b")


def test_existence_needs_no_value() -> None:
    number, text = "Parameters.lr.NumberValue", "Parameters.lr.StringValue"
    assert one("Parameters.lr", operator="Exists") == Either(
        (Compare(number, Operator.EXISTS), Compare(text, Operator.EXISTS))
    )
    assert one("Parameters.lr", operator="NotExists") == Both(
        (Compare(number, Operator.NOT_EXISTS), Compare(text, Operator.NOT_EXISTS))
    )


@pytest.mark.parametrize(
    ("name", "value", "operator"),
    [
        ("DisplayName", "a", "GreaterThan"),
        ("DisplayName", None, "Equals"),
        ("Metrics.acc", "high", "GreaterThan"),
        ("Metrics.acc", "1", "Contains"),
        ("CreationTime", "yesterday", "LessThan"),
        ("Parameters.opt", "adam", "LessThan"),
    ],
)
def test_what_cannot_be_compared_is_refused(name: str, value: str | None, operator: str) -> None:
    with pytest.raises(ServiceError) as raised:
        one(name, value, operator)
    assert raised.value.code == "ValidationException"
    assert name in raised.value.message


def test_expressions_nest() -> None:
    a, b = {"Name": "DisplayName", "Value": "a"}, {"Name": "DisplayName", "Value": "b"}
    first, second = (Compare("DisplayName", Operator.EQUALS, value) for value in "ab")
    assert translate() is None
    assert translate(Filters=[a]) == first
    assert translate(Filters=[a, b]) == Both((first, second))
    assert translate(Filters=[a, b], Operator="Or") == Either((first, second))
    assert translate(Filters=[a], SubExpressions=[{"Filters": [a, b], "Operator": "Or"}]) == Both(
        (first, Either((first, second)))
    )


def test_nested_filters_hold_for_one_element() -> None:
    nested = {
        "NestedPropertyName": "InputDataConfig",
        "Filters": [
            {"Name": "InputDataConfig.ChannelName", "Operator": "Equals", "Value": "train"},
            {
                "Name": "InputDataConfig.DataSource.S3DataSource.S3Uri",
                "Operator": "Contains",
                "Value": "mybucket",
            },
        ],
    }
    found = translate("TrainingJob", NestedFilters=[nested])
    assert found == Nested(
        "InputDataConfig",
        (
            Compare("InputDataConfig.ChannelName", Operator.EQUALS, "train"),
            Compare("InputDataConfig.DataSource.S3DataSource.S3Uri", Operator.CONTAINS, "mybucket"),
        ),
    )


def test_a_training_jobs_metrics_are_its_final_ones() -> None:
    found = one("Metrics.val:acc", "0.9", "GreaterThan", "TrainingJob")
    assert found == Compare("Metrics.val:acc.Last", Operator.GREATER_THAN, 0.9)


def test_nested_filters_on_parents_ask_for_one_trial() -> None:
    filters = [
        {"Name": "Parents.TrialName", "Operator": "Equals", "Value": "t"},
        {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": "e"},
    ]
    nested = {"NestedPropertyName": "Parents", "Filters": filters}
    assert translate("ExperimentTrialComponent", NestedFilters=[nested]) == Nested(
        "Parents",
        (
            Compare("Parents.TrialName", Operator.EQUALS, "t"),
            Compare("Parents.ExperimentName", Operator.EQUALS, "e"),
        ),
    )
