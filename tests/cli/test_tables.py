"""Tables fit the terminal: what is cut, what is left out, and what never is."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from clary.cli.runs import spare, worth
from clary.cli.tables import BARS, Curve, Sheet, shortened, shown

JOBS = [f"cifar10-training-resnet-{number}-1795458837-aws-training-job" for number in (3, 12, 7)]
NAMES = ("name", "status", "lr", "acc", "acc curve")
ROWS = [[job, "Completed", 0.001 * place, 0.5, Curve(range(40))] for place, job in enumerate(JOBS, 1)]


def lines(sheet: Sheet, width: int) -> list[str]:
    """As a terminal of this width shows them."""
    screen = Console(file=StringIO(), width=width, highlight=False, markup=False)
    screen.print(sheet.fitted(width)[0])
    assert isinstance(screen.file, StringIO)
    return [line.rstrip() for line in screen.file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("width", "names"),
    [
        (54, JOBS),
        (40, " ".join(f"cifar10-training-resnet-{number}-1795458837-a…" for number in (3, 12, 7))),
        (26, "…ar10-training-resnet-3… …ar10-training-resnet-12… …ar10-training-resnet-7…"),
        (16, "…ning-resnet-3… …ning-resnet-12… …ning-resnet-7…"),
        (7, "…et-3… …et-12… …et-7…"),
    ],
)
def test_what_tells_names_apart_stays(width: int, names: str | list[str]) -> None:
    assert shortened(JOBS, width) == (names.split() if isinstance(names, str) else names)


def test_short_names_are_left_alone() -> None:
    assert shortened(["run-1", JOBS[0], "", JOBS[1]], 16)[::2] == ["run-1", ""]
    assert shortened([JOBS[0], "run-1"], 16) == ["cifar10-…ing-job", "run-1"]


@settings(deadline=None)
@given(st.lists(st.text("ab-", max_size=30), max_size=6), st.integers(5, 40))
def test_nothing_is_longer_than_its_room(texts: list[str], width: int) -> None:
    found = shortened(texts, width)
    assert all(len(text) <= width for text in found)
    assert [cut for text, cut in zip(texts, found, strict=True) if len(text) <= width] == [
        text for text in texts if len(text) <= width
    ]


def test_a_wide_terminal_shows_all_and_a_narrow_one_a_line_a_row() -> None:
    sheet = Sheet(NAMES, ROWS, (2, 1))
    wide = lines(sheet, 120)
    assert wide[1].split() == [JOBS[0], "Completed", "0.001", "0.5", shown(Curve(range(40)))]
    for width, left in ((120, []), (60, []), (50, [2]), (44, [1, 2])):
        found, gone = lines(sheet, width), sheet.fitted(width)[1]
        assert (len(found), gone) == (4, left), width
        assert max(map(len, found)) <= width
    assert lines(sheet, 44)[2].split()[1:2] == ["0.5"]
    assert set(lines(sheet, 44)[2].split()[2]) <= set(BARS)


cells = st.one_of(st.none(), st.floats(-1e9, 1e9), st.text("abc", max_size=40))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(cells, min_size=4, max_size=4), min_size=1, max_size=5),
    st.integers(20, 90),
    st.permutations([1, 2, 3]),
)
def test_numbers_are_never_cut(rows: list[list[Any]], width: int, spare: list[int]) -> None:
    sheet = Sheet(["name", "a", "b", "c"], rows, spare)
    found, left = sheet.fitted(width)
    shown_lines = lines(sheet, 400)
    assert len(shown_lines) == len(rows) + 1
    kept = [place for place in range(4) if place not in left]
    texts = [list(column.cells) for column in found.columns]
    for place, column in zip(kept, texts, strict=True):
        values = [row[place] for row in rows]
        if all(value is None or isinstance(value, float) for value in values):
            assert column == [shown(value) for value in values]


def test_the_least_missed_goes_first() -> None:
    found: dict[str, list[Any]] = {
        "Name": ["r", "s"], "Status": ["Completed", "Failed"], "Parameters.same": [1, 1], "Parameters.lr": [1, 2],
        "Metrics.x.Last": [1, 2], "Metrics.y.Last": [3, 4],
    }  # fmt: skip
    order = [list(found)[place] for place in spare(found, list(found), "x")]
    assert order == ["Parameters.same", "Metrics.y.Last", "Parameters.lr", "Status"]


def test_what_tells_runs_apart() -> None:
    uri = "s3://bucket/" + "x" * 60
    found: dict[str, list[Any]] = {
        "Name": ["r", "s"], "DisplayName": ["r", "s"], "Status": ["Completed", "Failed"], "Parameters.lr": [1, 1],
        "Parameters.sagemaker_program": ["a", "b"], "Parameters.model_dir": [None, uri],
        "Parameters.SageMaker.InstanceType": ["ml.m5.large", "ml.m5.xlarge"], "Parameters.SageMaker.InstanceCount": [1, 1],
        "Metrics.x.Last": [1, 2], "Metrics.x.Min": [1, 2],
    }  # fmt: skip
    assert worth(found) == {
        "Name",
        "Status",
        "Parameters.lr",
        "Parameters.SageMaker.InstanceType",
        "Metrics.x.Last",
    }
    assert worth({"Name": [], "Parameters.lr": []}) == {"Name", "Status", "Parameters.lr"}
