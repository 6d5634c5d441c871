"""Names, numbers and lengths that experiments' operations take, and that what is refused changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from tests.support.experiments import Regions, refused, regions_in


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with regions_in(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def sm(regions: Regions) -> Any:
    return regions.fresh().client("sagemaker")


@pytest.mark.parametrize(
    "name", ["under_score", "-before", "after-", "", "a" * 121, "dot.ted", "two--dashes-", "sp ace", "é"]
)
def test_names_have_a_pattern(sm: Any, name: str) -> None:
    for call, request in (
        (sm.create_experiment, {"ExperimentName": name}),
        (sm.create_trial, {"TrialName": name, "ExperimentName": "e"}),
        (sm.create_trial_component, {"TrialComponentName": name}),
    ):
        if not name:  # the client itself refuses it
            with pytest.raises(ParamValidationError):
                call(**request)
            continue
        code, message = refused(call, **request)
        assert code == "ValidationException"
        assert "regular expression pattern" in message or "length less than or equal to 120" in message
    assert sm.list_experiments()["ExperimentSummaries"] == []


def test_limits_change_nothing(sm: Any) -> None:
    full = {str(number): {"NumberValue": 1} for number in range(300)}
    sm.create_trial_component(TrialComponentName="part", Parameters=full)
    code, message = refused(
        sm.update_trial_component, TrialComponentName="part", Parameters={"more": {"NumberValue": 1}}
    )
    assert (code, "at most 300 Parameters" in message) == ("ValidationException", True)
    assert len(sm.describe_trial_component(TrialComponentName="part")["Parameters"]) == 300
    code, message = refused(
        sm.create_trial_component, TrialComponentName="b", Parameters={**full, "x": {"NumberValue": 1}}
    )
    assert code == "ValidationException"
    assert "less than or equal to 300" in message
    assert refused(sm.create_experiment, ExperimentName="under_score")[0] == "ValidationException"


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ([{"Key": "aws:mine", "Value": "v"}], "reserved: aws:mine"),
        ([{"Key": "AWS:x", "Value": "v"}], "reserved: AWS:x"),
        ([{"Key": "k", "Value": "v"}, {"Key": "k", "Value": "w"}], "Duplicate tag keys"),
        ([{"Key": "k" * 129, "Value": "v"}], "less than or equal to 128"),
        ([{"Key": "k", "Value": "v" * 257}], "less than or equal to 256"),
        ([{"Key": f"k{number}", "Value": "v"} for number in range(51)], "less than or equal to 50"),
    ],
)
def test_tags_that_are_refused_leave_nothing(sm: Any, tags: list[dict[str, str]], words: str) -> None:
    for call, request in (
        (sm.create_experiment, {"ExperimentName": "e"}),
        (sm.create_trial_component, {"TrialComponentName": "c"}),
        (sm.create_artifact, {"ArtifactType": "T", "Source": {"SourceUri": "s3://b/k"}}),
    ):
        code, message = refused(call, **request, Tags=tags)
        assert (code, words in message) == ("ValidationException", True), message
    assert sm.list_experiments()["ExperimentSummaries"] == []
    assert sm.list_trial_components()["TrialComponentSummaries"] == []
    assert sm.list_artifacts()["ArtifactSummaries"] == []
    arn = sm.create_experiment(ExperimentName="e")["ExperimentArn"]
    code, message = refused(sm.add_tags, ResourceArn=arn, Tags=tags)
    assert (code, words in message) == ("ValidationException", True), message
    assert sm.list_tags(ResourceArn=arn)["Tags"] == []


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Parameters": {"p": {"StringValue": "v" * 2501}}}, "less than or equal to 2500"),
        ({"Parameters": {"p" * 321: {"NumberValue": 1.0}}}, "less than or equal to 320"),
        ({"InputArtifacts": {"a": {"Value": "v" * 2049}}}, "less than or equal to 2048"),
        ({"InputArtifacts": {f"a{n}": {"Value": "v"} for n in range(61)}}, "less than or equal to 60"),
        ({"OutputArtifacts": {f"a{n}": {"Value": "v"} for n in range(61)}}, "less than or equal to 60"),
        ({"OutputArtifacts": {"a": {"Value": "v", "MediaType": "text"}}}, "regular expression pattern"),
        ({"Status": {"PrimaryStatus": "Nearly"}}, "enum value set"),
        ({"Status": {"Message": "m" * 1025}}, "less than or equal to 1024"),
        ({"DisplayName": "d" * 121}, "less than or equal to 120"),
    ],
)
def test_too_much_is_refused_and_changes_nothing(sm: Any, members: dict[str, Any], words: str) -> None:
    code, message = refused(sm.create_trial_component, TrialComponentName="c", **members)
    assert (code, words in message) == ("ValidationException", True), message
    sm.create_trial_component(TrialComponentName="c", DisplayName="shown")
    before = sm.describe_trial_component(TrialComponentName="c")
    code, message = refused(sm.update_trial_component, TrialComponentName="c", **members)
    assert (code, words in message) == ("ValidationException", True), message
    after = sm.describe_trial_component(TrialComponentName="c")
    assert {**after, "ResponseMetadata": None} == {**before, "ResponseMetadata": None}


@pytest.mark.parametrize("member", ["InputArtifacts", "OutputArtifacts"])
def test_artifacts_are_limited_over_all_updates(sm: Any, member: str) -> None:
    full = {f"a{number}": {"Value": "v"} for number in range(60)}
    sm.create_trial_component(TrialComponentName="c", **{member: full})
    code, message = refused(
        sm.update_trial_component, TrialComponentName="c", **{member: {"b": {"Value": "v"}}}
    )
    assert (code, f"at most 60 {member}" in message) == ("ValidationException", True)
    sm.update_trial_component(
        TrialComponentName="c", **{member: {"b": {"Value": "v"}}, f"{member}ToRemove": ["a0"]}
    )
    shown = sm.describe_trial_component(TrialComponentName="c")[member]
    assert (len(shown), "b" in shown, "a0" in shown) == (60, True, False)


@pytest.mark.parametrize(
    "to_remove", [{"ParametersToRemove": ["x" * 321]}, {"InputArtifactsToRemove": ["x" * 321]}]
)
def test_what_is_to_be_removed_has_limits(sm: Any, to_remove: dict[str, Any]) -> None:
    sm.create_trial_component(TrialComponentName="c")
    code, message = refused(sm.update_trial_component, TrialComponentName="c", **to_remove)
    assert (code, "less than or equal to" in message) == ("ValidationException", True), message
