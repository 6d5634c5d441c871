"""`clary metrics`, and how curves are drawn."""

from __future__ import annotations

import csv
import io
import math
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cli.conftest import Command
from tests.support.process import Clary

from clary.cli.tables import BARS, shown, sparkline

NOW = int(time.time())


@pytest.fixture(scope="module")
def component(clary: Clary) -> str:
    clary.client("sagemaker").create_trial_component(TrialComponentName="part")
    data: list[dict[str, Any]] = [
        {"MetricName": "loss", "Timestamp": NOW + step, "Step": step, "Value": 1 / (step + 1)}
        for step in range(12)
    ]
    data += [{"MetricName": "acc", "Timestamp": NOW, "Value": 0.5}]
    clary.client("sagemaker-metrics").batch_put_metrics(TrialComponentName="part", MetricData=data)
    return "part"


def test_summaries_and_sparklines(command: Command, component: str) -> None:
    header, loss, acc = (line.split() for line in command("metrics", component).stdout.splitlines())
    assert header == ["metric", "points", "last", "min", "max", "avg", "stddev", "curve"]
    assert loss[:5] == ["loss", "12", "0.0833333", "0.0833333", "1"]
    assert (len(loss[7]), loss[7][0], loss[7][-1]) == (12, "█", "▁")
    assert acc == ["acc", "1", "0.5", "0.5", "0.5", "0.5", "0", "▁"]


def test_csv_has_every_point_exactly(command: Command, component: str) -> None:
    rows = list(csv.DictReader(io.StringIO(command("metrics", component, "loss", "--csv").stdout)))
    assert [int(row["step"]) for row in rows] == list(range(12))
    assert [float(row["value"]) for row in rows] == [1 / (step + 1) for step in range(12)]
    assert [float(row["time"]) for row in rows] == [NOW + step for step in range(12)]
    part = command("metrics", component, "loss", "--csv", "--start", str(NOW + 3), "--end", str(NOW + 5))
    assert len(part.stdout.splitlines()) == 3


def test_without_matplotlib_it_says_how_to_get_it(
    command: Command, component: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    refused = command("metrics", component, "--plot", str(tmp_path / "curves.png"), fails=True)
    assert "pip install 'clary[plot]'" in refused.output


def test_a_plot_is_a_png(command: Command, component: str, tmp_path: Path) -> None:
    file = tmp_path / "curves.png"
    command("metrics", component, "--plot", str(file))
    assert file.read_bytes().startswith(b"\x89PNG")
    refused = command("metrics", component, "--plot", str(tmp_path / "curves.xyz"), fails=True)
    assert "cannot be written" in refused.output


def test_what_is_not_there_is_said(command: Command, component: str) -> None:
    assert "does not exist" in command("metrics", "no-such", fails=True).output
    assert "no points of auc. Did you mean acc?" in command("metrics", component, "auc", fails=True).output


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(), max_size=60), st.integers(1, 30))
def test_a_sparkline_has_a_bar_for_each_share(values: list[float], width: int) -> None:
    finite = [value for value in values if math.isfinite(value) and abs(value) < 1e300]
    line = sparkline(finite, width)
    assert len(line) == min(width, len(finite))
    assert set(line) <= set(BARS)
    assert sparkline([math.nan, math.inf], width) == ""


def test_a_sparkline_goes_with_the_values() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BARS
    assert sparkline([5.0, 5.0]) == "▁▁"
    assert sparkline(range(100), 2) == "▁█"


def test_cells_are_short() -> None:
    assert [shown(value) for value in (None, 3, 0.1, 1 / 3, 20.0, 1e20, "a")] == [
        "", "3", "0.1", "0.333333", "20", "1e+20", "a",
    ]  # fmt: skip
