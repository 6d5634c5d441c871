"""What RuleParameters ask to be done, and how an evaluation is named and shown."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.domain.evaluation import BadActions, actions, evaluation_name, status_of
from clary.domain.profiling import interval

STOP = {"name": "stoptraining", "training_job_prefix": "my-job"}
MAIL = {"name": "email", "endpoint": "a@b.com"}


def as_sdk(found: list[dict[str, str]]) -> str:
    """The SDK's own form, with its quotes escaped."""
    return json.dumps(found).replace('"', '\\"')


@pytest.mark.parametrize("text", [as_sdk([STOP, MAIL]), json.dumps([STOP, MAIL])])
def test_actions_in_both_spellings(text: str) -> None:
    assert actions({"action_json": text}, "my-job") == [STOP, MAIL]


def test_one_action_and_none() -> None:
    assert actions({"action_json": json.dumps(MAIL)}, "my-job") == [MAIL]
    assert actions({}, "my-job") == actions({"action_json": " "}, "my-job") == []


def test_a_stalled_training_is_stopped_where_the_rule_says_so() -> None:
    rule = {"rule_to_invoke": "StalledTrainingRule", "stop_training_on_fire": "True"}
    assert actions(rule, "my-job") == [STOP]
    assert (
        actions({**rule, "training_job_name_prefix": "other"}, "my-job")[0]["training_job_prefix"] == "other"
    )
    assert actions({**rule, "stop_training_on_fire": "False"}, "my-job") == []


@pytest.mark.parametrize("text", ["{", "[1]", '[{"name": "fax"}]', '[{"name": "sms"}]'])
def test_what_is_no_action(text: str) -> None:
    with pytest.raises(BadActions):
        actions({"action_json": text}, "my-job")


@given(st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", fullmatch=True), st.text(min_size=1, max_size=80))
def test_names_are_those_of_processing_jobs(job: str, rule: str) -> None:
    name = evaluation_name(job, rule, 1.0)
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)
    assert name != evaluation_name(job, rule, 2.0)


def test_details_are_the_rules_or_the_failures() -> None:
    state: dict[str, Any] = {"RuleEvaluationStatus": "Error", "LastModifiedTime": 1.0, "FailureReason": "why"}
    assert status_of(state, "arn", "Overfit")["StatusDetails"] == "why"
    assert status_of({**state, "StatusDetails": "met"}, "arn", "Overfit")["StatusDetails"] == "met"


@pytest.mark.parametrize(
    ("config", "rules", "seconds"),
    [
        ({"S3OutputPath": "s3://b", "DisableProfiler": False}, [], 0.5),
        ({"S3OutputPath": "s3://b"}, [{}], 0.5),
        ({"S3OutputPath": "s3://b", "ProfilingIntervalInMilliseconds": 100}, [], 0.1),
        (
            {"S3OutputPath": "s3://b", "ProfilingIntervalInMilliseconds": 100, "DisableProfiler": True},
            [{}],
            None,
        ),
        ({"ProfilingIntervalInMilliseconds": 100}, [], None),
    ],
)
def test_metrics_are_recorded_where_there_is_a_place_for_them(
    config: dict[str, Any], rules: list[Any], seconds: float | None
) -> None:
    assert interval({"ProfilerConfig": config, "ProfilerRuleConfigurations": rules}) == seconds
