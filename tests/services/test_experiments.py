"""Experiments, trials and trial components as boto3 sees them, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.experiments import Region, Regions, refused, regions_in

SNAKE = {"Experiment": "experiment", "Trial": "trial", "TrialComponent": "trial_component"}


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with regions_in(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def region(regions: Regions) -> Region:
    return regions.fresh()


@pytest.fixture
def sm(region: Region) -> Any:
    return region.client("sagemaker")


def tree(sm: Any) -> None:
    sm.create_experiment(ExperimentName="Exp")
    sm.create_trial(TrialName="trial", ExperimentName="Exp")
    sm.create_trial_component(TrialComponentName="part")
    sm.associate_trial_component(TrialComponentName="part", TrialName="trial")


def test_an_experiment_from_creation_to_deletion(sm: Any, region: Region) -> None:
    made = sm.create_experiment(ExperimentName="My-Exp", Description="why", Tags=[{"Key": "a", "Value": "b"}])
    arn = made["ExperimentArn"]
    assert arn == region.arn("experiment/my-exp")
    shown = sm.describe_experiment(ExperimentName="my-exp")
    assert (shown["ExperimentName"], shown["DisplayName"], shown["Description"]) == (
        "My-Exp",
        "My-Exp",
        "why",
    )
    assert shown["CreatedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:iam::123456789012:")
    assert sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    sm.update_experiment(ExperimentName="My-Exp", DisplayName="Shown", Description="because")
    shown = sm.describe_experiment(ExperimentName="My-Exp")
    assert (shown["ExperimentName"], shown["DisplayName"], shown["Description"]) == (
        "My-Exp",
        "Shown",
        "because",
    )
    assert sm.delete_experiment(ExperimentName="My-Exp")["ExperimentArn"] == arn
    assert refused(sm.describe_experiment, ExperimentName="My-Exp") == (
        "ResourceNotFound",
        f"Experiment '{arn}' does not exist.",
    )


def test_names_are_unique_without_regard_to_case(sm: Any) -> None:
    tree(sm)
    for noun, call, request in (
        ("Experiment", sm.create_experiment, {"ExperimentName": "exp"}),
        ("Trial", sm.create_trial, {"TrialName": "TRIAL", "ExperimentName": "Exp"}),
        ("TrialComponent", sm.create_trial_component, {"TrialComponentName": "Part"}),
    ):
        code, message = refused(call, **request)
        assert code == "ValidationException"
        assert message.endswith(f"{noun} with name ({request[noun + 'Name']}) already exists.")


def test_what_is_not_there_is_named(sm: Any) -> None:
    tree(sm)
    for call, request in (
        (sm.create_trial, {"TrialName": "t", "ExperimentName": "none"}),
        (sm.describe_trial, {"TrialName": "none"}),
        (sm.describe_trial_component, {"TrialComponentName": "none"}),
        (sm.associate_trial_component, {"TrialComponentName": "none", "TrialName": "trial"}),
        (sm.associate_trial_component, {"TrialComponentName": "part", "TrialName": "none"}),
        (sm.list_trials, {"ExperimentName": "none"}),
        (sm.list_trial_components, {"TrialName": "none"}),
        (sm.update_trial, {"TrialName": "none"}),
        (sm.delete_trial_component, {"TrialComponentName": "none"}),
    ):
        code, message = refused(call, **request)
        assert code == "ResourceNotFound"
        assert "/none' does not exist" in message
    assert [t["TrialName"] for t in sm.list_trials()["TrialSummaries"]] == ["trial"]


def test_deletion_goes_from_the_bottom(sm: Any, region: Region) -> None:
    tree(sm)
    linked = "is linked to 1 or more"
    assert linked in refused(sm.delete_experiment, ExperimentName="Exp")[1]
    assert linked in refused(sm.delete_trial, TrialName="trial")[1]
    assert refused(sm.delete_trial_component, TrialComponentName="part") == (
        "ValidationException",
        f"TrialComponent '{region.arn('experiment-trial-component/part')}' "
        "is linked to 1 or more trials and cannot be deleted.",
    )
    sm.disassociate_trial_component(TrialComponentName="part", TrialName="trial")
    gone = refused(sm.disassociate_trial_component, TrialComponentName="part", TrialName="trial")
    assert gone[0] == "ResourceNotFound"
    sm.delete_trial_component(TrialComponentName="part")
    sm.delete_trial(TrialName="trial")
    sm.delete_experiment(ExperimentName="Exp")
    assert sm.list_experiments()["ExperimentSummaries"] == []


def test_a_component_may_be_in_several_trials_or_none(sm: Any) -> None:
    tree(sm)
    sm.create_trial(TrialName="second", ExperimentName="Exp")
    sm.create_trial_component(TrialComponentName="loose")
    for _ in range(2):
        sm.associate_trial_component(TrialComponentName="part", TrialName="second")
    assert names(sm.list_trials(TrialComponentName="part"), "Trial") == ["second", "trial"]
    assert names(sm.list_trials(TrialComponentName="loose"), "Trial") == []
    assert names(sm.list_trial_components(TrialName="second"), "TrialComponent") == ["part"]
    assert names(sm.list_trial_components(ExperimentName="exp"), "TrialComponent") == ["part"]
    assert names(sm.list_trial_components(), "TrialComponent") == ["loose", "part"]
    code, _ = refused(sm.list_trial_components, ExperimentName="Exp", TrialName="second")
    assert code == "ValidationException"


def names(page: dict[str, Any], noun: str) -> list[str]:
    return sorted(item[f"{noun}Name"] for item in page[f"{noun}Summaries"])


def test_a_component_keeps_what_trackers_write(sm: Any, region: Region) -> None:
    sm.create_trial_component(
        TrialComponentName="part",
        DisplayName="shown",
        Status={"PrimaryStatus": "InProgress", "Message": "at work"},
        StartTime=1_700_000_000,
        Parameters={"lr": {"NumberValue": 0.1}, "opt": {"StringValue": "adam"}, "old": {"StringValue": "x"}},
        InputArtifacts={"data": {"MediaType": "s3/uri", "Value": "s3://b/data"}},
    )
    sm.update_trial_component(
        TrialComponentName="part",
        Status={"PrimaryStatus": "Completed"},
        EndTime=1_700_000_100,
        Parameters={"lr": {"NumberValue": 0.2}},
        ParametersToRemove=["old", "never was"],
        OutputArtifacts={"model": {"Value": "s3://b/model"}},
        InputArtifactsToRemove=["data"],
    )
    arn = region.arn("experiment-trial-component/part")
    shown = sm.describe_trial_component(TrialComponentName=arn)
    assert shown["Parameters"] == {"lr": {"NumberValue": 0.2}, "opt": {"StringValue": "adam"}}
    assert (shown["InputArtifacts"], shown["OutputArtifacts"]) == ({}, {"model": {"Value": "s3://b/model"}})
    assert shown["Status"] == {"PrimaryStatus": "Completed"}
    assert (shown["EndTime"] - shown["StartTime"]).total_seconds() == 100
    assert shown["DisplayName"] == "shown"
    assert shown["Metrics"] == []
    assert shown["LineageGroupArn"] == region.arn("lineage-group/sagemaker-default-lineage-group")
    assert "Source" not in shown
    sm.update_trial_component(TrialComponentName="part", OutputArtifactsToRemove=["model", "none"])
    again = sm.describe_trial_component(TrialComponentName="part")
    assert (again["OutputArtifacts"], again["Parameters"]) == ({}, shown["Parameters"])


@pytest.mark.parametrize("by", ["Name", "CreationTime"])
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("noun", ["Experiment", "Trial", "TrialComponent"])
def test_listings_are_sorted_and_paged(sm: Any, noun: str, by: str, order: str) -> None:
    made = ["m", "c", "x", "a", "k"]
    sm.create_experiment(ExperimentName="m" if noun == "Experiment" else "of-trials")
    for name in made[noun == "Experiment" :]:
        of = {"ExperimentName": "of-trials"} if noun == "Trial" else {}
        getattr(sm, f"create_{SNAKE[noun]}")(**{f"{noun}Name": name, **of})
    expected = sorted(made) if by == "Name" else made
    pages = sm.get_paginator(f"list_{SNAKE[noun]}s").paginate(
        SortBy=by, SortOrder=order, PaginationConfig={"PageSize": 2}
    )
    found = [[item[f"{noun}Name"] for item in page[f"{noun}Summaries"]] for page in pages]
    assert [len(page) for page in found] == [2, 2, 1]
    flat = [name for page in found for name in page]
    assert flat == (expected if order == "Ascending" else expected[::-1])
    listing = getattr(sm, f"list_{SNAKE[noun]}s")
    assert refused(listing, NextToken="made up")[0] == "ValidationException"
    assert refused(listing, SortBy="Status")[0] == "ValidationException"
    assert refused(listing, MaxResults=101)[0] == "ValidationException"


def test_listings_by_time(sm: Any) -> None:
    sm.create_experiment(ExperimentName="a")
    made = sm.describe_experiment(ExperimentName="a")["CreationTime"].timestamp()
    assert (
        len(sm.list_experiments(CreatedAfter=made - 10, CreatedBefore=made + 10)["ExperimentSummaries"]) == 1
    )
    assert sm.list_experiments(CreatedAfter=made + 10)["ExperimentSummaries"] == []
    assert sm.list_experiments(CreatedBefore=made - 10)["ExperimentSummaries"] == []


def test_tags(sm: Any) -> None:
    arn = sm.create_experiment(ExperimentName="a")["ExperimentArn"]
    assert sm.add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])["Tags"] == [
        {"Key": "k", "Value": "v"}
    ]
    sm.add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": "w"}, {"Key": "l", "Value": ""}])
    assert sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "w"}, {"Key": "l", "Value": ""}]
    sm.delete_tags(ResourceArn=arn, TagKeys=["l", "none"])
    assert sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "w"}]
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    assert "at most 50 tags" in refused(sm.add_tags, ResourceArn=arn, Tags=many)[1]
    assert "not found" in refused(sm.list_tags, ResourceArn=f"{arn}-other")[1]
