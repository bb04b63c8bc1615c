"""Draw the bench's plots as small SVG files: bars, and lines over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from scripts.bench_parts.rows import number

_WIDTH = 720
_LABEL_WIDTH = 250
_BAR_HEIGHT = 18
_ROW_HEIGHT = 26
_TOP = 34
_PLOT_HEIGHT = 220
_COLORS = ("#1f6f8b", "#c8553d", "#6a994e", "#8d6a9f", "#b08900", "#555555")
_STYLE = "font-family:system-ui,sans-serif;font-size:12px"


def bars(title: str, unit: str, values: Mapping[str, float]) -> str:
    """Return a plot of one horizontal bar for each name, on a logarithmic scale where they are far apart."""
    height = _TOP + _ROW_HEIGHT * len(values) + 8
    largest = max(values.values(), default=1.0)
    smallest = min((value for value in values.values() if value > 0), default=1.0)
    is_logarithmic = largest > 50 * smallest
    scale = ", logarithmic" if is_logarithmic else ""
    parts = [_text(8, 20, f"{title} ({unit}{scale})", weight="bold")]
    room = _WIDTH - _LABEL_WIDTH - 90
    for index, (name, value) in enumerate(values.items()):
        y = _TOP + _ROW_HEIGHT * index
        share = _share(value, smallest, largest, is_logarithmic=is_logarithmic)
        width = max(1.0, room * share)
        color = _COLORS[index % 2]
        parts.append(_text(_LABEL_WIDTH - 8, y + 13, name, anchor="end"))
        parts.append(
            f'<rect x="{_LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{_BAR_HEIGHT}" fill="{color}"/>'
        )
        parts.append(_text(_LABEL_WIDTH + width + 6, y + 13, number(value)))
    return _svg(height, parts)


def _share(
    value: float, smallest: float, largest: float, *, is_logarithmic: bool
) -> float:
    if value <= 0 or largest <= 0:
        return 0.0
    if not is_logarithmic:
        return value / largest
    decades = math.log10(largest / smallest) + 0.5
    return (math.log10(value / smallest) + 0.5) / decades


def lines(
    title: str, unit: str, x_title: str, series: Mapping[str, Sequence[float]]
) -> str:
    """Return a plot of one line for each name, over 1, 2, 3 …; the scale begins at 0."""
    left, right, bottom = 60, 16, 40
    height = _TOP + _PLOT_HEIGHT + bottom + 18 * len(series)
    points = max(map(len, series.values()), default=1)
    largest = max((max(values) for values in series.values() if values), default=1.0)
    top = _rounded_up(largest)
    across = (_WIDTH - left - right) / max(1, points - 1)
    down = _PLOT_HEIGHT / top
    base = _TOP + _PLOT_HEIGHT
    parts = [_text(8, 20, f"{title} ({unit})", weight="bold")]
    for tick in range(5):
        y = base - _PLOT_HEIGHT * tick / 4
        parts.append(
            f'<path d="M{left} {y:.1f}H{_WIDTH - right}" stroke="#8886" fill="none"/>'
        )
        parts.append(_text(left - 6, y + 4, number(top * tick / 4), anchor="end"))
    parts.append(_text(_WIDTH - right, base + 18, f"{x_title}, 1 to {points}", anchor="end"))  # fmt: skip
    for index, (name, values) in enumerate(series.items()):
        color = _COLORS[index % len(_COLORS)]
        path = " ".join(
            f"{left + across * place:.1f},{base - down * value:.1f}"
            for place, value in enumerate(values)
        )
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>'
        )
        y = base + bottom + 18 * index
        parts.append(
            f'<rect x="{left}" y="{y - 9}" width="12" height="10" fill="{color}"/>'
        )
        parts.append(_text(left + 18, y, name))
    return _svg(height, parts)


def _rounded_up(value: float) -> float:
    """Return the next 1, 2 or 5 of a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal"
) -> str:
    # of the page's own colour in light and dark
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="#777">'
        f"{escape(text)}</text>"
    )


def _svg(height: float, parts: Sequence[str]) -> str:
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}"'
        f' width="{_WIDTH}" height="{height:.0f}" style="{_STYLE}">\n{inside}\n</svg>\n'
    )
