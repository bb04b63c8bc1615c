"""Measure how the cost of the shipped queries grows with the data: a tenth of it, all of it, ten times as much.

Without the advised indexes, which is where growth hurts. 10 million users and 50 million rows of usage take 8 GB
on each server and a quarter of an hour to make; they are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scripts.bench_parts.cost import A_MINUTE, shipped, target_of
from scripts.bench_parts.data import Size, make
from scripts.bench_parts.options import Options
from scripts.bench_parts.plots import lines
from scripts.bench_parts.rows import Row
from scripts.bench_parts.servers import serving


def run(options: Options) -> list[Row]:
    """Measure each size on each server."""
    rows: list[Row] = []
    for kind in options.servers:
        for times in options.times:
            size = Size(round(options.users * times), round(options.usage * times))
            schema = f"grown_{size.users}"
            with serving(kind, options.folder) as server:
                make(server, kind, size, (schema,))
            with target_of(options, kind, schema) as (target, connection):
                found = shipped(options, kind, target, connection, "growth")
            name = f"{kind} {size.users:,} users"
            rows += [_renamed(row, f"{kind} {schema}", name) for row in found]
    return rows


def _renamed(row: Row, before: str, name: str) -> Row:
    return replace(row, measure=row.measure.replace(before, name))


def plots(rows: Sequence[Row]) -> dict[str, str]:
    """Return the plot of a minute over the sizes, one line for each server."""
    series: dict[str, list[float]] = {}
    for row in rows:
        if row.measure.endswith(A_MINUTE):
            series.setdefault(row.measure.split()[0], []).append(row.median)
    title = "Each query on its interval"
    return {"growth": lines(title, "ms a minute", "size", series)}
