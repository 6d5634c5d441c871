"""An endpoint's machine: documents and events in, documents out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clary.domain import endpoint as rules
from clary.domain.endpoint import Adjusted, Began, Failed, Gone, Ready, step


@dataclass
class Row:
    state: dict[str, Any]
    spec: dict[str, Any] = field(default_factory=dict)
    target: str | None = None
    created: float = 0.0

    def take(self, changes: dict[str, Any]) -> Row:
        self.state = {**self.state, **changes}
        return self

    def happen(self, event: rules.Event, now: float = 2.0) -> Row:
        return self.take(step(self, event, now).changes)

    @property
    def status(self) -> str:
        return str(self.state["EndpointStatus"])

    @property
    def fleets(self) -> dict[str, bool]:
        """Whether each is to go."""
        return {name: bool(each.get("drop")) for name, each in self.state["Clary"]["fleets"].items()}


def fleet(name: str = "config") -> dict[str, Any]:
    variant = {
        "VariantName": "all",
        "ModelName": "m",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    model = {"PrimaryContainer": {"Image": "image"}, "ExecutionRoleArn": "role"}
    return rules.fleet({"EndpointConfigName": name, "ProductionVariants": [variant]}, {"m": model})


def creating() -> Row:
    return Row(rules.created(fleet(), 1.0))


def serving() -> Row:
    return creating().happen(Ready("1"))


def updating() -> Row:
    row = serving()
    return row.take(rules.updating(row, fleet("other"), None, 3.0))


def test_it_serves_once_its_fleet_does() -> None:
    row = creating()
    assert (row.status, row.fleets) == ("Creating", {"1": False})
    assert row.happen(Ready("1")).status == "InService"
    assert row.state["Clary"]["active"] == "1"
    assert row.state["ProductionVariants"][0]["CurrentWeight"] == 1.0


def test_a_fleet_that_does_not_start_fails_it() -> None:
    row = creating().happen(Failed("1", "x" * 2000))
    assert (row.status, row.fleets) == ("Failed", {"1": True})
    assert len(row.state["FailureReason"]) == 1024
    assert row.happen(Gone("1")).fleets == {}
    assert row.status == "Failed"


def test_an_update_turns_over_and_the_old_fleet_goes() -> None:
    row = updating()
    assert (row.status, row.fleets) == ("Updating", {"1": False, "2": False})
    assert row.state["EndpointConfigName"] == "config"
    assert row.state["PendingDeploymentSummary"]["EndpointConfigName"] == "other"
    row.happen(Ready("2"))
    assert (row.status, row.fleets) == ("InService", {"1": True, "2": False})
    assert row.state["EndpointConfigName"] == "other"
    assert row.happen(Gone("1")).fleets == {"2": False}


def test_an_update_that_fails_rolls_back() -> None:
    row = updating().happen(Failed("2", "no weights"))
    assert (row.status, row.fleets) == ("RollingBack", {"1": False, "2": True})
    row.happen(Gone("2"))
    assert (row.status, row.state["FailureReason"], row.state["Clary"]["active"]) == (
        "InService",
        "no weights",
        "1",
    )


def test_weights_and_counts() -> None:
    row = serving()
    row.take(rules.adjusting(row, {"all": {"DesiredWeight": 5.0, "DesiredInstanceCount": 2}}, 3.0))
    (shown,) = row.state["ProductionVariants"]
    assert (row.status, shown["CurrentWeight"], shown["DesiredWeight"]) == ("Updating", 1.0, 5.0)
    row.happen(Adjusted("1"))
    (shown,) = row.state["ProductionVariants"]
    assert (row.status, shown["CurrentWeight"], shown["CurrentInstanceCount"]) == ("InService", 5.0, 2)


def test_nothing_brings_a_deleted_one_back() -> None:
    row = updating()
    row.target = "Deleted"
    row.take(rules.deleting(row, 4.0))
    for event in (Ready("2"), Failed("2", "why"), Adjusted("1")):
        assert row.happen(event).status == "Deleting"
    assert row.happen(Gone("1")).happen(Gone("2")).fleets == {}


def test_runs_are_kept_and_late_events_change_nothing() -> None:
    row = serving().happen(Began("1", "all/0", 3, {"pid": 4}))
    assert row.state["Clary"]["fleets"]["1"]["runs"] == {"all/0": {"run": 3, "engine": {"pid": 4}}}
    for event in (
        Began("9", "all/0", 1, {}),
        Gone("9"),
        Ready("9"),
        Ready("1"),
        Failed("1", "late"),
        Adjusted("1"),
    ):
        assert step(row, event, 9.0).changes == {}


def test_what_an_update_retains() -> None:
    active = fleet()
    active["variants"][0].update(weight=7.0, count=4)
    kept = rules.retained(active, fleet("other"), frozenset({"DesiredInstanceCount"}))["variants"][0]
    assert (kept["weight"], kept["count"]) == (7.0, 1)


def test_the_old_fleet_is_kept_for_its_termination_wait() -> None:
    row = serving()
    deployment = {"BlueGreenUpdatePolicy": {"TerminationWaitInSeconds": 60}}
    row = row.take(rules.updating(row, fleet("other"), deployment, 3.0)).happen(Ready("2"), 5.0)
    assert row.status == "InService"
    assert row.fleets == {"1": True, "2": False}
    assert row.state["Clary"]["fleets"]["1"]["until"] == 65.0
    row.take(rules.deleting(row, 6.0))
    assert row.state["Clary"]["fleets"]["1"]["until"] is None
