"""Count what each shipped query makes a server do on a small set of data: rows, statements, bytes; never time.

The same data gives the same counts on any machine, so a test compares them with their limits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never

from monitor.collector.execute import answer
from monitor.config import load
from monitor.database import Database, Session
from monitor.demo.mariadb import PrivateServer
from monitor.model.positions import SweepPosition
from monitor.model.settings import Job, Query
from monitor.model.sweeps import Pace
from monitor.model.walked import walked_by
from monitor.model.walks import Cursor, Ledger, Sweep
from monitor.notify.kinds import KINDS
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog
from scripts.bench_parts.data import Size, make_schema

SCHEMAS = ("bare", "indexed", "bare_null")
SIZE = Size(users=5_000, usage=20_000)
NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
"""At which the clock of the sessions stands still."""
_CURSOR_PIECE = 250
"""Rows at once: a piece so small is in time unless the machine is busy, and none may be wider."""

_COUNTERS = (
    "SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler\\_read%'"
    " OR Variable_name IN ('Questions', 'Bytes_sent')"
)


@dataclass(frozen=True, slots=True)
class Reads:
    """What one run of a query makes the server do."""

    rows: int
    """Sum of Handler_read_*: rows and index entries that were read, temporary tables' too."""
    statements: int
    bytes: int
    """Of the answers."""

    def document(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def measured(server: PrivateServer, folder: Path) -> dict[str, dict[str, Reads]]:
    """Make the data in schemas of the server; return for each of them what each shipped query reads there."""
    found: dict[str, dict[str, Reads]] = {}
    _forget_errors(server)
    for schema in SCHEMAS:
        with server.connect() as connection, connection.cursor() as cursor:
            make_schema(connection, schema, SIZE, NOW)
            # its plans, and so its counts, do not depend on which pages are looked at
            for table in ("users", "user_subscriptions", "token_usage_history"):
                cursor.execute(f"ALTER TABLE {table} STATS_SAMPLE_PAGES = 1000")
                cursor.execute(f"ANALYZE TABLE {table}")
        found[schema] = {
            job.query.name: _reads(job) for job in _jobs(server, schema, folder)
        }
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {schema}")
    return found


def _forget_errors(server: PrivateServer) -> None:
    """Empty the books of statements that failed: one of the queries reads what others have left there."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'performance_schema'"
            " AND (table_name LIKE 'events_errors_summary%' OR table_name = 'events_statements_summary_by_digest')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"TRUNCATE performance_schema.{table}")


def _jobs(server: PrivateServer, schema: str, folder: Path) -> tuple[Job, ...]:
    config = folder / "config.toml"
    config.write_text(
        f'[targets.main]\nunix_socket = "{server.socket}"\nuser = "root"\ndatabase = "{schema}"\n'
    )
    return tuple(load(config, os.environ, KINDS).jobs)


def _reads(job: Job) -> Reads:
    with _session(job) as session:
        session.connection.execute(f"SET SESSION timestamp = {NOW.timestamp():.0f}")
        first, second = _counters(session), _counters(session)
        _answer(job.query, session)
        # less what looking at the counters costs
        return _between(_between(first, second), _between(second, _counters(session)))


def _answer(query: Query, session: Session) -> None:
    """Run a query; in pieces that hardly follow the time that they take: a sweep in one, a cursor in small ones."""
    match query.walk:
        case None:
            answer(query, session)
        case Cursor():
            answer(replace(query, max_rows=_CURSOR_PIECE), session)
        case Sweep():
            query = replace(query, walk=replace(query.walk, piece=query.timeout))
            start = SweepPosition(walked_by(query), 0, Pace(sys.maxsize))
            answer(query, session, start, NOW)
        case Ledger():
            answer(query, session, None, NOW)
        case _:
            assert_never(query.walk)


@contextmanager
def _session(job: Job) -> Iterator[Session]:
    with closing(Watchdog()) as watchdog:
        database = Database(job.target, secrets=SecretReader(), watchdog=watchdog)
        with closing(database), database.lease(deadline_seconds=20) as session:
            yield session


def _counters(session: Session) -> Reads:
    values = {str(name): int(str(value)) for name, value in session.connection.execute(_COUNTERS)}  # fmt: skip
    rows = sum(value for name, value in values.items() if name.startswith("Handler"))
    return Reads(rows, values["Questions"], values["Bytes_sent"])


def _between(before: Reads, after: Reads) -> Reads:
    return Reads(
        after.rows - before.rows,
        after.statements - before.statements,
        after.bytes - before.bytes,
    )
