"""Charts and tables for reports: SVG and HTML as text, without any script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

COLOURS = ("#1f6feb", "#d1495b", "#2a9d5c", "#b8860b", "#7b4fbf", "#0f8b8d", "#c65d21", "#5b6770")
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse; margin: .5rem 0 } td, th { border: 1px solid #d0d7de; padding: .2rem .6rem; text-align: left }
svg { max-width: 100%; height: auto } svg text { font: 11px system-ui, sans-serif; fill: #57606a }
.issue { color: #b3261e } .fine { color: #1a7f37 } .muted { color: #57606a }
"""
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 240, 56, 28, 8
MOST_POINTS = 600


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]


def page(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{escape(title)}</h1>{body}</body></html>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def lines(curves: Sequence[Line], unit: str, low: float | None = None, high: float | None = None) -> str:
    """`low` and `high` of the vertical axis; None: as the values are. Points that are no numbers are left out."""
    shown = [
        Line(curve.name, thinned([point for point in curve.points if all(map(math.isfinite, point))]))
        for curve in curves
    ]
    everything = [point for curve in shown for point in curve.points]
    if not everything:
        return ""
    x0, x1 = min(x for x, _ in everything), max(x for x, _ in everything)
    y0 = min(y for _, y in everything) if low is None else low
    y1 = max(y for _, y in everything) if high is None else high
    wide, tall = (x1 - x0) or 1.0, (y1 - y0) or 1.0

    def place(x: float, y: float) -> str:
        across = LEFT + (x - x0) / wide * (WIDTH - LEFT - 8)
        return f"{across:.1f},{TOP + (1 - (y - y0) / tall) * (HEIGHT - TOP - BOTTOM):.1f}"

    drawn = []
    for index, curve in enumerate(shown):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(place(*point) for point in curve.points)
        drawn.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{path}"/>'
            f'<text x="{LEFT + 6}" y="{TOP + 14 + 14 * index}" style="fill:{colour}">{escape(curve.name)}</text>'
        )
    axis = (
        f'<path d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - 8}" fill="none" stroke="#8c959f"/>'
        f'<text x="4" y="{TOP + 10}">{y1:.4g}</text><text x="4" y="{HEIGHT - BOTTOM}">{y0:.4g}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 8}">{x0:.4g}</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 8}" text-anchor="end">{x1:.4g} {escape(unit)}</text>'
    )
    return svg(HEIGHT, axis + "".join(drawn))


def bars(values: Sequence[tuple[str, float]]) -> str:
    most = max((value for _, value in values), default=0.0) or 1.0
    drawn = []
    for index, (name, value) in enumerate(values):
        top, length = 4 + 20 * index, max(0.0, value / most) * (WIDTH - 260)
        drawn.append(
            f'<text x="150" y="{top + 12}" text-anchor="end">{escape(name[:24])}</text>'
            f'<rect x="158" y="{top}" width="{length:.1f}" height="15" fill="{COLOURS[0]}"/>'
            f'<text x="{164 + length:.1f}" y="{top + 12}">{value:.4g}</text>'
        )
    return svg(8 + 20 * len(values), "".join(drawn))


def histogram(values: np.ndarray, bins: int, label: str = "{:.3g}") -> str:
    """Bars of how many values are from where on. Values that are no finite numbers are left out."""
    values = values[np.isfinite(values)]
    if not values.size:
        return ""
    spread = float(np.ptp(values))
    if spread <= 1e-9 * max(1.0, float(np.abs(values).max())):  # too near each other for bins
        return bars([(label.format(float(values.mean())), float(values.size))])
    counts, edges = np.histogram(values, bins=bins)
    return bars([(label.format(low), float(count)) for low, count in zip(edges[:-1], counts, strict=True)])


def svg(height: int, body: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">{body}</svg>'


def thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    step = -(-len(points) // MOST_POINTS)
    return points[::step] if step > 1 else points
