"""`clary experiments` and `clary runs` against a real server."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import pyarrow.parquet
import pytest
from tests.cli.conftest import Command
from tests.support.process import Clary

from clary.wire import arrow

NOW = int(time.time())
RUNS = {"r1": (0.1, "adam", 0.5), "r2": (0.01, "sgd", 0.25), "r3": (0.001, "adam", 0.75)}


@pytest.fixture(scope="module", autouse=True)
def filled(clary: Clary) -> None:
    """Experiments `left`, with three runs, and `right`, which shares one of them."""
    sm, metrics = clary.client("sagemaker"), clary.client("sagemaker-metrics")
    for experiment in ("left", "right"):
        sm.create_experiment(ExperimentName=experiment)
        sm.create_trial(TrialName=f"{experiment}-trial", ExperimentName=experiment)
    for name, (rate, optimizer, accuracy) in RUNS.items():
        sm.create_trial_component(
            TrialComponentName=name, Status={"PrimaryStatus": "Completed"},
            Parameters={"lr": {"NumberValue": rate}, "opt": {"StringValue": optimizer}},
        )  # fmt: skip
        sm.associate_trial_component(TrialComponentName=name, TrialName="left-trial")
        points = [
            {"MetricName": "acc", "Timestamp": NOW + step, "Step": step, "Value": accuracy * step / 4}
            for step in range(5)
        ]
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=points)
    sm.associate_trial_component(TrialComponentName="r3", TrialName="right-trial")


def rows(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


def test_runs_are_a_table_with_curves(command: Command) -> None:
    header, *found = rows(command("runs", "left", "--sort", "acc").stdout)
    assert header == ["name", "status", "lr", "opt", "acc", "acc", "curve"]
    assert [row[0] for row in found] == ["r3", "r1", "r2"]
    assert found[1] == ["r1", "Completed", "0.1", "adam", "0.5", "▁▃▅▆█"]


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("lr > 0.001 and opt = 'adam'", ["r1"]),
        ("lr <= 0.01", ["r2", "r3"]),
        ("acc >= 0.5", ["r1", "r3"]),
        ("Metrics.acc.Min = 0 and (opt = sgd or lr in (0.001, 5))", ["r2", "r3"]),
        ("name ~ 2 or status != Completed", ["r2"]),
        ("not lr", []),
        ("experiment = right", ["r3"]),
    ],
)
def test_filters_as_people_type_them(command: Command, where: str, names: list[str]) -> None:
    output = command("runs", "left", "--filter", where, "--columns", "Name", "--sort", "name", "--ascending")
    assert [row[0] for row in rows(output.stdout)[1:]] == names


def test_what_cannot_be_read_is_said(command: Command) -> None:
    assert "ends too early" in command("runs", "--filter", "lr >", fails=True).output
    assert "does not exist" in command("runs", "no-such", fails=True).output
    assert ".parquet or .arrow" in command("runs", "--export", "x.txt", fails=True).output
    assert "There is no column Tags.x" in command("runs", "--columns", "Tags.x", fails=True).output


@pytest.mark.parametrize("kind", ["bar", "curve", "parallel"])
def test_plots_are_pngs(command: Command, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"{kind}.png"
    command("runs", "left", "--plot", str(file), "--kind", kind)
    assert file.read_bytes().startswith(b"\x89PNG")


def exported(command: Command, file: Path) -> Path:
    assert "Wrote 3 runs" in command("runs", "left", "--sort", "lr", "--export", str(file)).output
    return file


def test_exports_hold_every_run(command: Command, tmp_path: Path) -> None:
    table = arrow.decode(exported(command, tmp_path / "runs.arrow").read_bytes())
    assert table["Name"] == ["r1", "r2", "r3"]
    assert table["Parameters.lr"] == [0.1, 0.01, 0.001]
    assert table["Metrics.acc.Max"] == [0.5, 0.25, 0.75]
    assert table["Experiments"] == ["left", "left", "left,right"]
    with exported(command, tmp_path / "runs.csv").open(newline="") as source:
        found = list(csv.DictReader(source))
    assert [(row["Name"], float(row["Metrics.acc.Last"])) for row in found] == list(
        zip(table["Name"], table["Metrics.acc.Last"], strict=True)
    )


def test_parquet_holds_what_arrow_holds(command: Command, tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(exported(command, tmp_path / "runs.parquet")).to_pydict()
    assert table == arrow.decode(exported(command, tmp_path / "runs.arrow").read_bytes())


def test_without_pyarrow_it_says_how_to_get_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    refused = command("runs", "--export", str(tmp_path / "runs.parquet"), fails=True)
    assert "pip install 'clary[data]'" in refused.output


def test_a_comparison_can_be_drawn(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "compare.png"
    command("experiments", "compare", "left", "right", "--plot", str(file))
    assert file.read_bytes().startswith(b"\x89PNG")


def test_experiments_are_compared(command: Command) -> None:
    output = command("experiments", "compare", "left", "right", "--best", "max")
    assert rows(output.stdout)[1:] == [
        ["acc", "left", "3", "0.75", "0.5", "r3"],
        ["acc", "right", "1", "0.75", "0.75", "r3"],
    ]
    assert "No run has auc" in command("experiments", "compare", "left", "--metric", "auc", fails=True).output


def test_an_experiment_goes_and_comes_back(command: Command, clary: Clary) -> None:
    sm = clary.client("sagemaker")
    planned = command("experiments", "delete", "left", "--dry-run").stdout
    assert planned.splitlines() == [
        "Deletes the experiment left",
        "       1 trials: left-trial",
        "       2 runs: r1, r2",
        "   keeps the run r3, which is in right-trial too",
    ]
    refused = command("experiments", "delete", "left", input="n\n", fails=True)
    assert "Aborted" in refused.output
    assert len(sm.list_experiments()["ExperimentSummaries"]) == 2

    assert "Deleted left: 1 trials, 2 runs." in command("experiments", "delete", "left", "--yes").stdout
    assert [row[:2] for row in rows(command("experiments", "list").stdout)[1:]] == [["right", "1"]]
    assert rows(command("experiments", "list", "--deleted").stdout)[1][:3] == ["left", "1", "2"]
    assert "Restored left: 1 trials, 2 runs." in command("experiments", "restore", "left").stdout
    listed = {row[0]: row[1] for row in rows(command("experiments", "list").stdout)[1:]}
    assert listed == {"left": "3", "right": "1"}
    assert "can be restored" in command("experiments", "restore", "left", fails=True).output
