"""Renew tests/queries/read_limits.toml: what each shipped query may read on a small set of data.

A test compares (tests/queries/test_reads.py). Whoever changes a query runs this, and looks at the difference.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from scripts.bench_parts.options import Options
from scripts.bench_parts.programs import ROOT
from scripts.bench_parts.reads import Reads, measured
from scripts.bench_parts.rows import Row
from scripts.bench_parts.servers import ServerKind
from tests.support.servers import PrivateMySQL

LIMITS = ROOT / "tests/queries/read_limits.toml"
_HEAD = """# What each shipped query reads on the data of scripts/bench_parts/reads.py, by server and schema:
# rows and index entries (Handler_read_*), statements, bytes of the answers. tests/queries/test_reads.py allows a
# quarter more. Written by `scripts/bench limits`: look at the difference, it is what a change costs a database.
# By hand: 250 statements of what reads forward, which a busy machine reads in narrower pieces, so with more; on MySQL
# 3000 rows of statements_failing, which grow with the accounts that a server has met.
"""

Limits = Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]]
"""Counts by server, schema and query."""


def run(options: Options) -> list[Row]:
    """Measure on private servers, and write the limits of those that were asked for."""
    limits = dict(read_limits()) if LIMITS.exists() else {}
    for kind in options.servers:
        found = _measured(kind)
        limits[kind] = {
            schema: {query: reads.document() for query, reads in queries.items()}
            for schema, queries in found.items()
        }
    LIMITS.write_text(_text(limits))
    return []


def _measured(kind: ServerKind) -> Mapping[str, Mapping[str, Reads]]:
    with (
        tempfile.TemporaryDirectory(prefix="tm-") as name,
        _server(kind, Path(name) / "db") as server,
    ):
        return measured(server, Path(name))


def read_limits() -> Limits:
    """Return what the file says."""
    found: Limits = tomllib.loads(LIMITS.read_text())
    return found


def problems(found: Reads, limit: Mapping[str, int]) -> list[str]:
    """Return which counts are more than a quarter over what they were, and more than a few."""
    return [
        f"{count:,} {name}, {limit[name]:,} before"
        for name, count in found.document().items()
        if count > limit[name] * 1.25 + 50
    ]


def _server(kind: ServerKind, directory: Path) -> PrivateServer:
    return PrivateMariaDB(directory) if kind == "mariadb" else PrivateMySQL(directory)


def _text(limits: Limits) -> str:
    lines = [_HEAD]
    for kind, schemas in sorted(limits.items()):
        for schema, queries in schemas.items():
            lines.append(f"[{kind}.{schema}]")
            lines += [_line(name, counts) for name, counts in sorted(queries.items())]
            lines.append("")
    return "\n".join(lines)


def _line(name: str, counts: Mapping[str, int]) -> str:
    values = ", ".join(f"{key} = {value}" for key, value in counts.items())
    return f"{name} = {{ {values} }}"
