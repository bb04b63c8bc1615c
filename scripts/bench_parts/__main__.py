"""Measure the monitor, part by part, beside what it can be compared with: scripts/bench [PART…].

Figures are of one machine and one moment: compare ratios. Each part says what it does in its module, in
scripts/bench_parts. Without a part all of them run, which takes about two hours.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from scripts.bench_parts import page
from scripts.bench_parts.options import Options, say
from scripts.bench_parts.programs import ROOT
from scripts.bench_parts.rows import Row, compared
from scripts.bench_parts.servers import SERVER_KINDS

PARTS = ("data", "cost", "minutes", "growth", "latency", "start", "fleet", "scrape")
"""In the order in which they run."""
ONLY_BY_NAME = ("limits",)


def main() -> None:
    """Run the parts that were asked for, and write what they measured."""
    # what was started is stopped, also where somebody stops us
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    parser = _parser()
    arguments = parser.parse_args()
    unknown = set(arguments.parts).difference(PARTS, ONLY_BY_NAME)
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    options = _options(arguments)
    rows: list[Row] = []
    plots: dict[str, str] = {}
    for part in arguments.parts or PARTS:
        say(f"part {part}")
        module = importlib.import_module(f"scripts.bench_parts.{part}")
        run: Callable[[Options], list[Row]] = module.run
        found = run(options)
        rows += found
        if hasattr(module, "plots"):
            plots |= module.plots(found)
    if arguments.before:
        rows = compared(rows, json.loads(arguments.before.read_text()))
    if arguments.json:
        documents = [row.document() for row in rows]
        arguments.json.write_text(json.dumps(documents, indent=1, ensure_ascii=False))
    if arguments.docs and rows:
        page.write(arguments.docs, rows, _when(arguments.parts), plots)


def _parser() -> argparse.ArgumentParser:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--folder",
        type=Path,
        default=cache / "token-monitor/bench",
        help="where the servers' data is kept, about 5 GB",
    )
    parser.add_argument(
        "--servers", nargs="+", choices=SERVER_KINDS, default=SERVER_KINDS
    )
    parser.add_argument(
        "--schemas", nargs="+", default=(), help="only these of the data"
    )
    parser.add_argument(
        "--users", type=int, default=1_000_000, help="of the data (default 1,000,000)"
    )
    parser.add_argument(
        "--usage", type=int, default=5_010_000, help="rows of usage (default 5,010,000)"
    )
    parser.add_argument(
        "--queries", nargs="+", default=(), help="only these of the shipped queries"
    )
    parser.add_argument(
        "--times",
        nargs="+",
        type=float,
        default=(0.1, 1, 10),
        help="sizes that `growth` measures, of that of the data (default 0.1 1 10)",
    )
    parser.add_argument(
        "--repeats", type=int, default=5, help="of each measurement (default 5)"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=60,
        help="how long `minutes` watches the daemon (default 60)",
    )
    parser.add_argument(
        "--checkout",
        type=Path,
        default=ROOT,
        help="measure the program of another checkout",
    )
    parser.add_argument(
        "--peers",
        type=Path,
        help="folder of programs to compare with: query-exporter's venv",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer starts and faults, less waiting"
    )
    parser.add_argument("--json", type=Path, help="write what was measured here too")
    parser.add_argument(
        "--before",
        type=Path,
        help="compare with what an earlier run wrote by --json",
    )
    parser.add_argument(
        "--docs", type=Path, help="renew the page performance.md in this folder"
    )
    return parser  # fmt: skip


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        folder=arguments.folder.absolute(),
        servers=tuple(arguments.servers),
        schemas=tuple(arguments.schemas),
        users=arguments.users,
        usage=arguments.usage,
        times=tuple(arguments.times),
        queries=tuple(arguments.queries),
        repeats=arguments.repeats,
        minutes=arguments.minutes,
        checkout=arguments.checkout.absolute(),
        peers=arguments.peers and arguments.peers.absolute(),
        is_quick=arguments.quick,
    )


def _when(parts: Sequence[str]) -> str:
    command = " ".join(("scripts/bench", *parts))
    return (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors,"
        f" Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
