"""A line chart as inline SVG: round ticks, a line for each series, claimed values dashed."""

from __future__ import annotations

import math
import sys
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.claims.records import Chart

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 16, 46
_COLORS = ("#1f5fa8", "#b5541c", "#2c7a4b", "#7a3b8f", "#8a7a12", "#555555")
_TICKS = 5
_LINE, _MOST_CHARACTERS = 16, 80
"""Height of a line of the label below, and characters of 12 px that fit into it."""
_STEPS = (1.0, 2.0, 5.0, 10.0)


def svg_of(chart: Chart) -> str:
    """Return a chart as an ``<svg>`` element; empty text when it has no points."""
    points = [point for series in chart.series for point in series.points]
    if not points:
        return ""
    xs = [_place(x, is_log=chart.is_log_x) for x, _ in points]
    ys = [*(y for _, y in points), *chart.claimed, 0.0]
    scale = _Scale((min(xs), max(xs)), (min(ys), max(ys)))
    body = [
        *_frame(chart, scale, sorted({x for x, _ in points})),
        *_claimed(chart, scale),
        *_lines(chart, scale),
    ]
    label = escape(f"{chart.y_label} against {chart.x_label}")
    height = _HEIGHT + _LINE * (len(_label_lines(chart)) - 1)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">'
        + "".join(body)
        + "</svg>"
    )


class _Scale:
    """Places on the canvas of values within two ranges."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self._x, self.y_range = x, y

    def x(self, place: float) -> float:
        low, high = self._x
        share = (place - low) / (high - low) if high > low else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        share = (value - low) / (high - low) if high > low else 0.5
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def ticks(low: float, high: float) -> tuple[float, ...]:
    """Return round numbers between two ends, about five."""
    if high - low < sys.float_info.min:  # equal, or nearer than numbers of full precision
        return (low,)
    rough = (high - low) / _TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * s for s in _STEPS if size * s >= rough * (1.0 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(number * step for number in range(first, last + 1))


def _place(x: float, *, is_log: bool) -> float:
    return math.log10(x) if is_log else x


def _frame(chart: Chart, scale: _Scale, xs: Sequence[float]) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for value in ticks(*scale.y_range):
        y = scale.y(value)
        yield f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>'
    for value in xs:
        x = scale.x(_place(value, is_log=chart.is_log_x))
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:,.4g}</text>'
    yield f'<line x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}" class="axis"/>'
    middle = (_LEFT + right) / 2
    for number, line in enumerate(_label_lines(chart)):
        y = _HEIGHT - 8 + number * _LINE
        yield f'<text x="{middle}" y="{y}" text-anchor="middle">{escape(line)}</text>'


def _label_lines(chart: Chart) -> list[str]:
    return wrap(chart.x_label, _MOST_CHARACTERS)


def _claimed(chart: Chart, scale: _Scale) -> Iterator[str]:
    for value in chart.claimed:
        y, right = scale.y(value), _WIDTH - _RIGHT
        yield (
            f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" class="claimed"/>'
            f'<text x="{right}" y="{y - 4:.1f}" text-anchor="end" class="claimed">'
            f"claimed {value:.3g}</text>"
        )


def _lines(chart: Chart, scale: _Scale) -> Iterator[str]:
    for number, series in enumerate(chart.series):
        color = _COLORS[number % len(_COLORS)]
        at = [(scale.x(_place(x, is_log=chart.is_log_x)), scale.y(y)) for x, y in series.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        for (x, y), (place, value) in zip(at, series.points, strict=True):
            title = escape(f"{series.name}: {value:.4g} at {place:,.4g}")
            circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}">'
            yield f"{circle}<title>{title}</title></circle>"
        if len(chart.series) > 1:
            y = _TOP + 14 * (number + 1)
            name = escape(series.name)
            yield f'<text x="{_LEFT + 8}" y="{y}" fill="{color}" class="name">{name}</text>'
