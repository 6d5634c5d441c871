"""Experiments as dataframes, and the programs of docs/howto/experiments.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.process import Clary

from clary.clients import NotServing
from clary.clients.calls import Refused
from clary.experiments import curves, dataframe

NOW = int(time.time())
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "experiments.md"


@pytest.fixture(scope="module", autouse=True)
def filled(clary: Clary) -> None:
    """Experiment `digits`: 30 runs with a loss, every third without `lr`, of which one has a text there."""
    sm, metrics = clary.client("sagemaker"), clary.client("sagemaker-metrics")
    sm.create_experiment(ExperimentName="digits")
    sm.create_trial(TrialName="t", ExperimentName="digits")
    for number in range(30):
        name = f"run-{number}" if number else "digits-lr-01"
        rate = {"StringValue": "auto"} if number == 1 else {"NumberValue": number / 100}
        sm.create_trial_component(TrialComponentName=name, Parameters={"lr": rate} if number % 3 else {})
        sm.associate_trial_component(TrialComponentName=name, TrialName="t")
        points = [
            {"MetricName": "loss", "Timestamp": NOW + step, "Step": step, "Value": number + step / 4}
            for step in range(4)
        ]
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=points)


@pytest.fixture(autouse=True)
def environment(clary: Clary, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in clary.environment({}).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


def test_an_experiment_is_a_dataframe(clary: Clary) -> None:
    runs = dataframe("digits", sort="loss", ascending=True)
    assert list(runs["Metrics.loss.Last"]) == [number + 0.75 for number in range(30)]
    assert list(runs["Metrics.loss.Min"]) == list(range(30))
    assert list(runs["Parameters.lr"])[1:3] == ["auto", "0.02"], "a text among numbers makes texts of them"
    assert runs["Parameters.lr"].isna().sum() == 10
    assert set(runs.Trials) == {"t"}
    assert abs(runs.CreationTime[0].timestamp() - time.time()) < 3600
    few = dataframe(
        "digits", filter="lr >= 0.28 and loss > 28", columns=["name", "loss.count", "lr"], home=clary.home
    )
    assert few.to_dict("list") == {
        "Name": ["run-29", "run-28"], "Metrics.loss.Count": [4.0, 4.0], "Parameters.lr": [0.29, 0.28],
    }  # fmt: skip
    assert len(dataframe(limit=7)) == 7


def test_curves_are_dataframes() -> None:
    one = curves("run-3", "loss")
    assert list(one) == ["Time", "Step", "Value"]
    assert list(one.Value) == [3.0, 3.25, 3.5, 3.75]
    both = curves(["run-3", "run-4"], start=NOW + 3)
    assert both[["Component", "Metric", "Step", "Value"]].to_numpy().tolist() == [
        ["run-3", "loss", 3, 3.75], ["run-4", "loss", 3, 4.75],
    ]  # fmt: skip


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not exist"):
        dataframe("no-such")
    with pytest.raises(Refused, match=r"No run has 'losss'\. Did you mean loss"):
        dataframe("digits", sort="losss")
    with pytest.raises(Refused, match=r"Did you mean Metrics\.loss"):
        dataframe("digits", columns=["Name", "Metrics.los.Last"])
    with pytest.raises(NotServing, match="clary serve"):
        dataframe("digits", home=tmp_path)


def test_the_how_tos_programs_run(clary: Clary) -> None:
    programs = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    ours = [text for text in programs if "sagemaker.experiments" not in text]
    assert len(ours) == 2
    for text, check in zip(ours, ("assert len(loss) == 20", "assert table.num_rows == 4"), strict=True):
        done = subprocess.run(
            [sys.executable, "-c", f"{text}\n{check}"],
            env=clary.environment(os.environ),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
