"""Plots of runs and curves as PNG, SVG or PDF files, by their name's end. matplotlib draws them: the extra `plot`."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from clary.cli.tables import shortened

Line = tuple[Sequence[float], Sequence[float]]
"""X and Y."""


LABEL = 44
"""Characters of a run's name beside its bar or its line."""
COLOURS = 10
"""Lines that matplotlib's own colours tell apart."""


def curves(path: Path, lines: Mapping[str, Line], *, x: str, y: str) -> None:
    """One line each, by its label. Raises `ClickException` without matplotlib."""
    many = len(lines) > COLOURS
    with _Figure(path, width=11.0 if many else 8.0, height=max(4.5, 0.17 * len(lines))) as axes:
        if many:
            palette = importlib.import_module("matplotlib").colormaps["turbo"]
            axes.set_prop_cycle(color=[palette(place / (len(lines) - 1)) for place in range(len(lines))])
        for label, (xs, ys) in zip(shortened(list(lines), LABEL), lines.values(), strict=True):
            axes.plot(xs, ys, label=label, linewidth=1.4, marker="." if len(xs) < 20 else None)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(alpha=0.3)
        if many:
            axes.legend(fontsize="x-small", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        elif len(lines) > 1:
            axes.legend(fontsize="small", frameon=False)


def bars(path: Path, values: Mapping[str, float], *, label: str) -> None:
    """One bar a run, in the order given."""
    with _Figure(path, height=1.2 + 0.32 * max(2, len(values))) as axes:
        places = range(len(values))
        drawn = axes.barh(places, list(values.values()), color="#4c78a8", height=0.7)
        axes.bar_label(drawn, [f"{value:.4g}" for value in values.values()], padding=3, fontsize=8)
        axes.margins(x=0.12)
        axes.set_yticks(places, shortened(list(values), LABEL))
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.grid(axis="x", alpha=0.3)


def parallel(path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Parallel coordinates: a line a run through one axis a column; texts stand in the order of the alphabet.
    The last column's value colours a line."""
    scales = [_scale([row[place] for row in rows]) for place in range(len(names))]
    with _Figure(path, width=max(7.0, 1.7 * len(names))) as axes:
        palette = importlib.import_module("matplotlib").colormaps["viridis"]
        for row in rows:
            heights = [height(cell) for (_, height), cell in zip(scales, row, strict=True)]
            xs = [place for place, height in enumerate(heights) if height is not None]
            shade = heights[-1]
            tint = "#999999" if shade is None else palette(shade)
            axes.plot(xs, [heights[place] for place in xs], color=tint, alpha=0.75, linewidth=1.2)
        for place, (marks, _) in enumerate(scales):
            axes.axvline(place, color="black", linewidth=0.8)
            for at, text in marks:
                axes.text(place + 0.02, at, text, fontsize=8, va="center")
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks([])
        for side in ("left", "right", "top", "bottom"):
            axes.spines[side].set_visible(False)


WIDE = 50.0
"""How many times its least the greatest value of an axis is, for the axis to be logarithmic."""
Mark = tuple[float, str]
"""A height between 0 and 1 on an axis, and what stands beside it."""


def _scale(values: Sequence[Any]) -> tuple[Sequence[Mark], Callable[[Any], float | None]]:
    """Marks of a column's axis, and the height of each of its values."""
    given = [value for value in values if value is not None]
    if not all(isinstance(value, (int, float)) for value in given):
        texts = sorted({str(value) for value in given})
        heights = {text: place / max(1, len(texts) - 1) for place, text in enumerate(texts)}
        marks = [(height, text) for text, height in heights.items()]
        return marks, lambda value: None if value is None else heights[str(value)]
    low, high = (min(given), max(given)) if given else (0.0, 0.0)
    if low == high:
        return [(0.5, f"{low:.4g}")], lambda value: None if value is None else 0.5
    if low > 0 and high / low >= WIDE:
        _, height = _scale([math.log(value) for value in given])
        marks = [(part, f"{low * (high / low) ** part:.4g}") for part in (0.0, 0.5, 1.0)]
        return marks, lambda value: None if value is None else height(math.log(value))
    marks = [(part, f"{low + part * (high - low):.4g}") for part in (0.0, 0.5, 1.0)]
    return marks, lambda value: None if value is None else (value - low) / (high - low)


class _Figure:
    """Axes to draw on; written to the path at the end, unless drawing failed."""

    def __init__(self, path: Path, width: float = 8.0, height: float = 4.5) -> None:
        self._path, self._size = path, (width, height)

    def __enter__(self) -> Any:
        try:
            module = importlib.import_module("matplotlib.figure")
        except ImportError:
            raise click.ClickException("Plots need matplotlib: pip install 'clary[plot]'") from None
        self._figure = module.Figure(figsize=self._size, dpi=130, layout="constrained")
        return self._figure.add_subplot()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            try:
                self._figure.savefig(self._path)
            except (OSError, ValueError) as error:
                raise click.ClickException(f"{self._path} cannot be written: {error}") from error
