"""An experiment deleted in one call, what stays of it, and what comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace
from tests.support.experiments import Region, Regions, regions_in
from tests.support.server import ports_in

from clary.api import Asked, Context, Principal
from clary.clients.calls import Calls, Refused
from clary.clients.connection import Connection
from clary.domain.experiments_deletion import plan
from clary.services.sagemaker import experiments_deletion as deletion
from clary.storage.ports import Discarded, Resource

DELETE, RESTORE = "/_clary/experiments/delete", "/_clary/experiments/restore"


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with regions_in(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def region(regions: Regions) -> Region:
    """Experiment `Whole` with two trials and three components, of which `shared` is in another's trial too."""
    region = regions.fresh()
    sm = region.client("sagemaker")
    for experiment, trials in (("Whole", ("t1", "t2")), ("other", ("elsewhere",))):
        sm.create_experiment(ExperimentName=experiment)
        for trial in trials:
            sm.create_trial(TrialName=trial, ExperimentName=experiment)
    for component, trials in (("a", ("t1", "t2")), ("b", ("t2",)), ("shared", ("t1", "elsewhere"))):
        made = sm.create_trial_component(
            TrialComponentName=component, Tags=[{"Key": "of", "Value": component}],
            Parameters={"lr": {"NumberValue": 0.1}},
        )  # fmt: skip
        for trial in trials:
            sm.associate_trial_component(TrialComponentName=component, TrialName=trial)
        source = {"SourceUri": f"s3://data/{component}"}
        artifact = sm.create_artifact(ArtifactType="DataSet", Source=source)["ArtifactArn"]
        sm.add_association(SourceArn=artifact, DestinationArn=made["TrialComponentArn"])
    region.client("sagemaker-metrics").batch_put_metrics(
        TrialComponentName="a",
        MetricData=[
            {"MetricName": "loss", "Timestamp": int(time.time()), "Step": step, "Value": 1.0 / (step + 1)}
            for step in range(5)
        ],
    )
    return region


def calls_in(region: Region) -> Calls:
    key = region.server.key
    return Calls(Connection(region.server.url, key.id, key.secret, region.name, Path()))


def everything(region: Region) -> Any:
    sm = region.client("sagemaker")
    found = [
        sm.search(Resource=kind, SortBy="CreationTime", SortOrder="Ascending")["Results"]
        for kind in ("Experiment", "ExperimentTrial", "ExperimentTrialComponent")
    ]
    links = sm.list_associations(SortOrder="Ascending")["AssociationSummaries"]
    components = [hit["TrialComponent"]["TrialComponentName"] for hit in found[2]]
    described = [sm.describe_trial_component(TrialComponentName=name) for name in components]
    for answer in described:
        del answer["ResponseMetadata"]
    curves = calls_in(region).get("/_clary/metrics", component="a") if "a" in components else b""
    return found, links, described, curves


def test_a_plan_goes_over_what_only_this_experiment_has() -> None:
    trials = {"a": ["t1", "t2"], "b": ["t2"], "s": ["t1", "x", "y"]}
    found = plan("e", {"t1": ["a", "s"], "t2": ["b", "a"], "t3": []}, trials.__getitem__)
    assert found.components == ("a", "b")
    assert found.kept == {"s": ("x", "y")}
    assert found.gone == ("a", "b", "t1", "t2", "t3", "e")


def test_a_dry_run_says_what_would_go_and_changes_nothing(region: Region) -> None:
    before = everything(region)
    said = calls_in(region).post(DELETE, {"ExperimentName": "whole", "DryRun": True})
    assert said["ExperimentName"] == "Whole"
    assert sorted(said["Trials"]) == ["t1", "t2"]
    assert sorted(said["TrialComponents"]) == ["a", "b"]
    assert said["Kept"] == [{"TrialComponentName": "shared", "Trials": ["elsewhere"]}]
    assert everything(region) == before
    done = calls_in(region).post(DELETE, {"ExperimentName": "whole"})
    assert {**done, "DryRun": True, "RestorableUntil": 0} == {**said, "RestorableUntil": 0}


def test_it_is_gone_whole_and_comes_back_whole(region: Region) -> None:
    sm, calls, before = region.client("sagemaker"), calls_in(region), everything(region)
    calls.post(DELETE, {"ExperimentName": "Whole"})
    assert [item["ExperimentName"] for item in sm.list_experiments()["ExperimentSummaries"]] == ["other"]
    assert [item["TrialName"] for item in sm.list_trials()["TrialSummaries"]] == ["elsewhere"]
    (kept,) = sm.search(Resource="ExperimentTrialComponent")["Results"]
    assert kept["TrialComponent"]["Parents"] == [{"TrialName": "elsewhere", "ExperimentName": "other"}]
    associations = sm.list_associations()["AssociationSummaries"]
    assert [item["DestinationName"] for item in associations] == ["shared"]
    artifacts = sm.list_artifacts()["ArtifactSummaries"]
    assert len(artifacts) == 3
    for artifact in artifacts:
        reached = sm.query_lineage(StartArns=[artifact["ArtifactArn"]], IncludeEdges=False)["Vertices"]
        assert len(reached) == artifact["Source"]["SourceUri"].endswith("shared")
    with pytest.raises(ClientError, match="does not exist"):
        sm.describe_trial_component(TrialComponentName="a")
    (listed,) = json.loads(calls.get("/_clary/experiments/deleted"))["Experiments"]
    assert (listed["ExperimentName"], listed["Trials"], listed["TrialComponents"]) == ("Whole", 2, 2)
    assert listed["RestorableUntil"] == pytest.approx(listed["DeletionTime"] + 7 * 86400)

    restored = calls.post(RESTORE, {"ExperimentName": "WHOLE"})
    assert restored == listed
    assert everything(region) == before
    assert json.loads(calls.get("/_clary/experiments/deleted")) == {"Experiments": []}


def test_the_name_is_free_and_the_last_deleted_comes_back(region: Region) -> None:
    sm, calls = region.client("sagemaker"), calls_in(region)
    calls.post(DELETE, {"ExperimentName": "whole"})
    sm.create_experiment(ExperimentName="whole", Description="second")
    with pytest.raises(Refused, match="is there again") as refused:
        calls.post(RESTORE, {"ExperimentName": "whole"})
    assert refused.value.code == "ValidationException"
    calls.post(DELETE, {"ExperimentName": "whole"})
    calls.post(RESTORE, {"ExperimentName": "whole"})
    assert sm.describe_experiment(ExperimentName="whole")["Description"] == "second"
    sm.delete_experiment(ExperimentName="whole")
    calls.post(RESTORE, {"ExperimentName": "whole"})
    assert len(sm.list_trials(ExperimentName="whole")["TrialSummaries"]) == 2


@pytest.mark.parametrize(
    ("path", "document", "code"),
    [
        (DELETE, {"ExperimentName": "no-such"}, "ResourceNotFound"),
        (DELETE, {}, "ValidationException"),
        (DELETE, {"ExperimentName": 5}, "ValidationException"),
        (DELETE, {"ExperimentName": "whole", "DryRun": "yes"}, "ValidationException"),
        (RESTORE, {"ExperimentName": "whole"}, "ResourceNotFound"),
    ],
)
def test_what_cannot_be_done_is_refused(
    region: Region, path: str, document: dict[str, Any], code: str
) -> None:
    before = everything(region)
    with pytest.raises(Refused) as refused:
        calls_in(region).post(path, document)
    assert refused.value.code == code
    assert everything(region) == before


@pytest.mark.parametrize("days", [0.0, 2.0])
def test_for_as_long_as_the_setting_says(tmp_path: Path, days: float) -> None:
    ports = ports_in(tmp_path, undo_days=days)
    now = 1_700_000_000.0
    ctx = Context("123456789012", "us-east-1", Principal("arn:x", "123456789012"), "id", now, ports)
    asked = Asked({}, {"ExperimentName": "e"})
    arn = "arn:aws:sagemaker:us-east-1:123456789012:experiment/e"
    with ports.store.begin() as tx:
        tx.resources.insert(
            Resource(arn, ctx.account, ctx.region, "Experiment", "e", now, now, {"ExperimentName": "e"})
        )

    def held() -> list[Discarded]:
        with ports.store.read() as tx:
            return list(tx.trash.list(ctx.account, ctx.region))

    deletion.delete_experiment(ctx, asked)
    assert [one.name for one in held()] == (["e"] if days else [])
    if days:
        deletion.purge(ports.store, now + days * 86400, days)
        deletion.restore_experiment(ctx, asked)
        deletion.delete_experiment(replace(ctx, now=now + 5), asked)
        deletion.purge(ports.store, now + days * 86400 + 6, days)
    assert held() == []
    ports.store.close()
