"""Measure 1,000 and 3,000 targets of 8 queries a minute, and with half of 1,000 silent, by scripts/bench_fleet.py.

The targets are a stub of MySQL in a process of its own, whose processor's time is not ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.bench_parts.options import Options, say
from scripts.bench_parts.programs import ROOT
from scripts.bench_parts.rows import Row

_CASES: Mapping[str, tuple[str, ...]] = {
    "1,000 targets": ("--targets", "1000"),
    "1,000 targets, 500 silent": ("--targets", "1000", "--silent", "500"),
    "3,000 targets": ("--targets", "3000"),
}


def run(options: Options) -> list[Row]:
    """Measure each case for some minutes."""
    rows: list[Row] = []
    for name, arguments in _CASES.items():
        done = subprocess.run(
            [*_program(options), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found = list(_rows(name, json.loads(done.stdout)))
        for row in found:
            say(row.line())
        rows += found
    return rows


def _program(options: Options) -> list[str]:
    minutes = "1" if options.is_quick else "3"
    program = [sys.executable, "scripts/bench_fleet.py", "--minutes", minutes]
    return [*program, "--root", str(options.checkout)]


def _rows(name: str, found: Mapping[str, Any]) -> Iterator[Row]:
    def row(measure: str, unit: str, value: float, goal: str = "") -> Row:
        return Row("fleet", f"{name}: {measure}", unit, (float(value),), goal=goal)

    yield row("share of a core", "", found["cpu"])
    yield row("of that of a bare loop of the same queries", "×", found["ratio_to_bare"])
    # What hangs is killed, which the loop cannot do: with silent targets there is no such loop.
    of_all = found.get("ratio_to_bare_all_statements")
    if of_all is not None:
        name = "of that of a bare loop of all statements that it sends"
        yield row(name, "×", of_all, "≤ 2")
    yield row("memory", "MB", found["rss_mb"], "≤ 400")
    yield row("threads", "", found["threads"])
    yield row("sessions", "", found["sessions"])
    yield row("lateness p99, the start included", "ms", found["late_all_ms"]["p99"], "≤ 1,000")  # fmt: skip
    yield row("missed runs", "", found["missed"], "0")
    yield row("whole page of metrics", "MB", found["page_mb"], "≤ 10")
    yield row("its scrape", "s", found["page_seconds"], "≤ 0.3")
