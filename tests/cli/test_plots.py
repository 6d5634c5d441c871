"""What plots draw: along what, on which scale, and that many lines are told apart."""

from __future__ import annotations

from pathlib import Path

import matplotlib.figure
import pytest

from clary.cli import plots
from clary.cli.metrics import lines

TRAINED = {
    "Component": "a",
    "Metric": "loss",
    "Times": [10.0, 12.0, 11.0],
    "Steps": [2, 0, 1],
    "Values": [3.0, 1.0, 2.0],
}
TESTED = {"Component": "a", "Metric": "test", "Times": [15.0], "Steps": [None], "Values": [9.0]}


def test_steps_run_along_where_all_points_have_one() -> None:
    assert lines([TRAINED], "Metric") == ({"loss": ([0, 1, 2], [1.0, 2.0, 3.0])}, "step")


def test_else_seconds_from_the_run_s_first_point() -> None:
    other = {**TRAINED, "Component": "b", "Times": [100.0, 101.0, 102.0]}
    drawn, along = lines([TRAINED, TESTED], "Metric")
    assert along == "seconds"
    assert drawn == {"loss": ([0.0, 2.0, 1.0], [3.0, 1.0, 2.0]), "test": ([5.0], [9.0])}
    assert lines([TESTED, other], "Component")[0] == {
        "a": ([0.0], [9.0]),
        "b": ([0.0, 1.0, 2.0], [3.0, 1.0, 2.0]),
    }


def test_axes_of_parallel_coordinates() -> None:
    marks, height = plots._scale([0.1, 0.0001, None, 0.01])
    assert [text for _, text in marks] == ["0.0001", "0.003162", "0.1"]
    assert height(0.01) == pytest.approx(2 / 3)
    assert height(None) is None
    marks, height = plots._scale([30, 60, 120])
    assert ([text for _, text in marks], height(60)) == (["30", "75", "120"], 1 / 3)
    marks, height = plots._scale(["sgd", "adam"])
    assert ([text for _, text in marks], height("sgd")) == (["adam", "sgd"], 1.0)
    assert plots._scale([5, 5])[1](5) == 0.5


def test_lines_have_names_and_colours_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[matplotlib.figure.Figure] = []
    save = matplotlib.figure.Figure.savefig

    def keep(figure: matplotlib.figure.Figure, path: Path) -> None:
        drawn.append(figure)
        save(figure, path)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    names = [f"cifar10-training-{number}-1795458837-aws-training-job" for number in range(30)]
    many = {name: ([0, 1], [place, 1.0]) for place, name in enumerate(names)}
    plots.curves(tmp_path / "curves.png", many, x="step", y="loss")
    (axes,) = drawn[0].axes
    assert len({str(line.get_color()) for line in axes.lines}) == 30
    legend = axes.get_legend()
    assert legend is not None
    assert len({text.get_text() for text in legend.get_texts()}) == 30
    plots.bars(tmp_path / "bars.png", {"a": 1.0, "b": 123.456}, label="loss")
    assert [text.get_text() for text in drawn[1].axes[0].texts] == ["1", "123.5"]
