"""Numbers, curves and tables for a terminal. Pure, but for `console`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from rich.console import Console
from rich.table import Table

BARS = "▁▂▃▄▅▆▇█"
BAR_SET = frozenset(BARS)
FOLDED = 20
"""Characters to which the first column may be folded, for the others to have room."""


def sparkline(values: Sequence[float], width: int = 20) -> str:
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
    """A cell: numbers with six digits at most, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    return str(value)


def table(names: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str | None = None) -> Table:
    """Columns of numbers are set right. Neither a number nor a sparkline is broken into lines."""
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for place, name in enumerate(names):
        numbers = all(row[place] is None or isinstance(row[place], (int, float)) for row in rows)
        whole = numbers or all(set(str(row[place])) <= BAR_SET for row in rows)
        made.add_column(
            name,
            justify="right" if numbers and rows else "left",
            overflow="fold",
            no_wrap=whole and bool(rows),
        )
    for row in rows:
        made.add_row(*(shown(cell) for cell in row))
    return made


def fitting(
    names: Sequence[str], rows: Sequence[Sequence[Any]], width: int, spare: Sequence[int]
) -> list[int]:
    """The places of the columns that are shown in `width` characters: all, less as many of `spare` (in this order)
    as have to go."""
    widths = [max(len(name), *(len(shown(row[place])) for row in rows)) for place, name in enumerate(names)]
    widths[0] = min(widths[0], FOLDED)
    kept = list(range(len(names)))
    for place in spare:
        if sum(widths[each] + 2 for each in kept) - 2 <= width:
            break
        kept.remove(place)
    return kept


def console() -> Console:
    """As wide as the terminal; in a pipe as wide as its tables are, so that nothing is cut."""
    found = Console(highlight=False, markup=False)
    return found if found.is_terminal else Console(highlight=False, markup=False, width=1000)
