"""Numbers, curves and tables for a terminal. Pure, but for what prints.

A table is fitted to the terminal: one line a row, nothing broken. What gives way, in this order, is the length of
curves, the part that all names of a column share, the middle of long texts, and at last whole columns: those that the
caller can spare, which are then named below the table. Numbers are never cut. In a pipe everything is whole.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import click
from rich.console import Console
from rich.table import Table

BARS = "▁▂▃▄▅▆▇█"
GAP = 2
"""Characters between columns."""
CURVE, CURVE_LEAST = 20, 8
"""Bars of a curve: where there is room, and at least."""
FIRST_LEAST, TEXT_LEAST, TITLE_LEAST = 20, 16, 14
"""Characters to which a text may be cut: in the first column, in others, in a title."""
LEFT = 3
"""Characters of each text that stay at least."""
PIPE = 100_000
"""Characters a line where the output is no terminal."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A cell that is drawn: as a sparkline, as wide as there is room for."""

    values: Sequence[float]
    width: int = CURVE
    """Bars at most."""


def sparkline(values: Sequence[float], width: int = CURVE) -> str:
    """At most `width` bars, each the mean of its share of the values; empty without a finite value."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    count = min(width, len(finite))
    edges = [round(place * len(finite) / count) for place in range(count + 1)]
    means = [math.fsum(finite[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    if low == high:
        return BARS[0] * count
    return "".join(BARS[round((mean - low) / (high - low) * (len(BARS) - 1))] for mean in means)


def shown(value: Any) -> str:
    """A cell: numbers with six digits at most, nothing for None, a text on one line."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    if isinstance(value, Curve):
        return sparkline(value.values, value.width)
    return " ".join(str(value).split())


def shortened(texts: Sequence[str], width: int) -> list[str]:
    """Each in at most `width` characters. Of those that are too long, what all of them end with goes first, then what all
    begin with, then the middle of each: that which tells them apart stays longest."""
    long = {text for text in texts if len(text) > width}
    start = end = 0
    if len(long) > 1:
        over, free = max(map(len, long)) - width, min(map(len, long)) - LEFT
        end = _worth(min(_common([text[::-1] for text in long]), free, max(over, 2) + 1))
        over -= max(0, end - 1)
        start = _worth(min(_common(long), free - end, max(over, 2) + 1)) if over > 0 else 0

    def cut(text: str) -> str:
        return "…" * (start > 0) + text[start : len(text) - end] + "…" * (end > 0)

    return [_middle(cut(text), width) if text in long else text for text in texts]


def _worth(cut: int) -> int:
    """A sign stands for what is cut: two characters gain nothing."""
    return cut if cut > 2 else 0


def _common(texts: Collection[str]) -> int:
    """Characters that all begin with."""
    first, last = min(texts), max(texts)
    return next((at for at, letter in enumerate(first) if letter != last[at]), len(first))


def _middle(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


class _Column:
    def __init__(self, title: str, cells: Sequence[Any], *, first: bool) -> None:
        self.title, self._cells = title, cells
        self.numbers = bool(cells) and all(cell is None or isinstance(cell, (int, float)) for cell in cells)
        self.curves = any(isinstance(cell, Curve) for cell in cells)
        self._shown = [shown(cell) for cell in cells]
        filled = max(map(len, self._shown), default=0)
        self.widest = max(len(title), filled)
        """Characters with which nothing is cut."""
        text_least = FIRST_LEAST if first else TEXT_LEAST
        title_least = min(len(title), TITLE_LEAST)
        if self.numbers:
            text_least = max(filled, title_least)
        elif self.curves:
            text_least = max(CURVE_LEAST, title_least)
        self.least = min(self.widest, text_least)

    def texts(self, width: int) -> list[str]:
        if self.numbers:
            return self._shown
        if self.curves:
            return [sparkline(cell.values, min(width, cell.width)) if cell else "" for cell in self._cells]
        return shortened(self._shown, width)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table before it is fitted: a title and as many cells for each column."""

    names: Sequence[str]
    rows: Sequence[Sequence[Any]]
    spare: Sequence[int] = ()
    """Places of columns that a narrow terminal can do without, the least missed first."""

    def fitted(self, width: int) -> tuple[Table, list[int]]:
        """In at most `width` characters, unless what cannot be spared needs more; and the places of the columns that
        had to go."""
        columns = [
            _Column(name, [row[place] for row in self.rows], first=place == 0)
            for place, name in enumerate(self.names)
        ]
        kept = list(range(len(columns)))
        for place in self.spare:
            if _total(columns[each].least for each in kept) <= width:
                break
            kept.remove(place)
        return _drawn([columns[place] for place in kept], width), sorted(set(range(len(columns))) - set(kept))

    def show(self) -> list[int]:
        """Print it; the places of the columns that the terminal has no room for."""
        screen = console()
        found, left = self.fitted(screen.width)
        # A line longer than the terminal is for the terminal to break: nothing of it is lost.
        screen.width = max(screen.width, _total(column.width for column in found.columns))
        screen.print(found)
        return left


def _total(widths: Iterable[int | None]) -> int:
    found = [width or 0 for width in widths]
    return sum(found) + GAP * (len(found) - 1)


def _drawn(columns: Sequence[_Column], width: int) -> Table:
    widths = [column.widest for column in columns]
    # Curves give way first, then the widest text.
    for group in ([each.curves for each in columns], [not each.curves for each in columns]):
        while _total(widths) > width:
            able = [
                place for place, column in enumerate(columns) if group[place] and widths[place] > column.least
            ]
            if not able:
                break
            widths[max(able, key=lambda place: widths[place])] -= 1
    made = Table(header_style="bold", box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for column, room in zip(columns, widths, strict=True):
        made.add_column(
            _middle(column.title, room),
            justify="right" if column.numbers else "left",
            no_wrap=True,
            width=room,
        )
    texts = [column.texts(room) for column, room in zip(columns, widths, strict=True)]
    for row in zip(*texts, strict=True):
        made.add_row(*row)
    return made


def table(names: Sequence[str], rows: Sequence[Sequence[Any]], spare: Sequence[int] = ()) -> None:
    """Print one, fitted to the terminal, and on the error stream what there was no room for."""
    left = Sheet(names, rows, spare).show()
    if left:
        gone = ", ".join(names[place] for place in left)
        click.echo(f"Left out in this width: {gone}. A wider terminal or a pipe shows all.", err=True)


def console() -> Console:
    """As wide as the terminal; in a pipe as wide as its tables are, so that nothing is cut."""
    found = Console(highlight=False, markup=False)
    return found if found.is_terminal else Console(highlight=False, markup=False, width=PIPE)
