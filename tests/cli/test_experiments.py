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
    """Experiments `left`, with three runs, `right`, which shares one of them, and `none`."""
    sm, metrics = clary.client("sagemaker"), clary.client("sagemaker-metrics")
    for experiment in ("left", "right", "none"):
        sm.create_experiment(ExperimentName=experiment)
        sm.create_trial(TrialName=f"{experiment}-trial", ExperimentName=experiment)
    for name, (rate, optimizer, accuracy) in RUNS.items():
        sm.create_trial_component(
            TrialComponentName=name, Status={"PrimaryStatus": "Completed"},
            Parameters={"lr": {"NumberValue": rate}, "opt": {"StringValue": optimizer}},
            Tags=[{"Key": "team", "Value": "a"}],
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
    nowhere = str(Path("no-such-folder") / "runs.csv")
    assert "cannot be written: No such file" in command("runs", "--export", nowhere, fails=True).output
    assert "There is no column Tags.team" in command("runs", "--columns", "Tags.team", fails=True).output


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("--sort", "ac"), "No run has 'ac'. Did you mean acc?"),
        (("--columns", "name,Lr"), "No run has 'Lr'. Did you mean lr?"),
        (("--filter", "optt = adam and lr > 0"), "No run has 'optt'. Did you mean opt?"),
        (("--filter", "not xyz"), "No run has 'xyz'. There are lr, opt, acc, Name, DisplayName and 7 more."),
        (("--sort", "Metrics.ac.Min"), "No run has 'Metrics.ac.Min'. Did you mean Metrics.acc?"),
        (("--sort", "Parameters.optimizer"), "Did you mean Parameters.opt?"),
        (("--columns", "Tags.tea"), "No run has 'Tags.tea'. Did you mean Tags.team?"),
        (("--filter", "Parents.Trail = t"), "Unknown property name: Parents.Trail"),
        (("--metric", "ac"), "None of these runs has the metric ac. Did you mean acc?"),
        (("--export", "runs.csv", "--sort", "statsu"), " Did you mean Status?"),
    ],
)
def test_names_that_no_run_has_are_refused(command: Command, arguments: tuple[str, ...], meant: str) -> None:
    assert meant in command("runs", "left", *arguments, fails=True).output


def test_names_of_runs_that_lack_them_are_not(command: Command) -> None:
    """Another experiment's runs have `lr`: nothing is misspelled."""
    assert command("runs", "none", "--sort", "lr", "--filter", "acc > 0").output == "No runs.\n"


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
        ["acc", "left", "3", "0.75", "0.5", "r3", "▁▃▅▆█"],
        ["acc", "right", "1", "0.75", "0.75", "r3", "▁▃▅▆█"],
    ]
    refused = command("experiments", "compare", "left", "--metric", "ac", fails=True)
    assert "No run has ac. Did you mean acc?" in refused.output
    assert "have no metrics" in command("experiments", "compare", "none", fails=True).output


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
    assert len(sm.list_experiments()["ExperimentSummaries"]) == 3

    assert "Deleted left: 1 trials, 2 runs." in command("experiments", "delete", "left", "--yes").stdout
    assert [row[:2] for row in rows(command("experiments", "list").stdout)[1:]] == [
        ["none", "0"],
        ["right", "1"],
    ]
    assert rows(command("experiments", "list", "--deleted").stdout)[1][:3] == ["left", "1", "2"]
    assert "Restored left: 1 trials, 2 runs." in command("experiments", "restore", "left").stdout
    listed = {row[0]: row[1] for row in rows(command("experiments", "list").stdout)[1:]}
    assert listed == {"left": "3", "right": "1", "none": "0"}
    assert "can be restored" in command("experiments", "restore", "left", fails=True).output


def test_of_several_deleted_under_a_name_each_can_be_restored(command: Command, clary: Clary) -> None:
    sm = clary.client("sagemaker")
    for runs in (2, 0, 1):
        sm.create_experiment(ExperimentName="reused")
        sm.create_trial(TrialName=f"reused-{runs}", ExperimentName="reused")
        for number in range(runs):
            name = f"reused-{runs}-{number}"
            sm.create_trial_component(TrialComponentName=name)
            sm.associate_trial_component(TrialComponentName=name, TrialName=f"reused-{runs}")
        command("experiments", "delete", "reused", "--yes")
    listed = rows(command("experiments", "list", "--deleted").stdout)[1:]
    assert [row[:3] for row in listed if row[0] == "reused"] == [
        ["reused", "1", "1"], ["reused", "1", "0"], ["reused", "1", "2"],
    ]  # fmt: skip
    oldest = listed[-1][-1]
    wrong = command("experiments", "restore", "reused", "--id", "zzz", fails=True).output
    assert "No deleted experiment with the id 'zzz'" in wrong
    restored = command("experiments", "restore", "reused", "--id", oldest)
    assert "Restored reused: 1 trials, 2 runs." in restored.stdout
    assert restored.output.count("can still be restored once this name is free") == 2
    assert "is there again" in command("experiments", "restore", "reused", fails=True).output
    command("experiments", "delete", "reused", "--yes")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("runs", "rihgt"), "Did you mean right?"),
        (("experiments", "compare", "rigth"), "Did you mean right?"),
        (("experiments", "delete", "Righ", "--dry-run"), "Did you mean right?"),
        (("metrics", "r11"), "Did you mean r1"),
        (("experiments", "restore", "resued"), "Did you mean reused?"),
    ],
)
def test_experiments_and_runs_that_are_not_there(
    command: Command, arguments: tuple[str, ...], meant: str
) -> None:
    assert meant in command(*arguments, fails=True).output
