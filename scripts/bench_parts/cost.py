"""Measure the database's time a minute of the shipped queries, and of the documented ones, on each schema.

Each query is run by `token-monitor query`, and what its statements cost is read from the server's own books:
time of its statements, the sum a minute by the shipped intervals. A sweep is walked whole, which is what a cycle
costs; of that the sum has what a minute has, at most what its share allows. What reads forward reads the last hour
here, and counts by a sixtieth of that. What a minute of the daemon costs in all is the part `minutes`.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from monitor.collector.courtesy import Courtesy
from monitor.demo.mariadb import PrivateConnection
from monitor.model.errors import Reason
from monitor.model.walks import DEFAULT_CYCLE
from monitor.timing.durations import parse_duration
from scripts.bench_parts.data import SCHEMAS, freshen
from scripts.bench_parts.options import Options, say
from scripts.bench_parts.plots import bars
from scripts.bench_parts.programs import (
    Target,
    create_account,
    drop_account,
    our_command,
    our_environment,
)
from scripts.bench_parts.rows import Row
from scripts.bench_parts.servers import ServerKind, serving
from scripts.bench_parts.statements import (
    account_time,
    empty_the_books,
    longest_of,
    seconds_of,
    statements_in,
)

DOCUMENTED = {
    "D1": """SELECT u.id, u.email, u.tokens_remaining, us.tokens_limit, us.plan_type,
        CASE WHEN u.tokens_remaining IS NULL THEN 'Needs Init' WHEN u.tokens_remaining = 0 THEN 'Empty'
            WHEN u.tokens_remaining < 1000 THEN 'Low' ELSE 'OK' END AS status
        FROM users u LEFT JOIN user_subscriptions us ON u.id = us.user_id AND us.is_active = 1
        WHERE us.is_active = 1 ORDER BY u.tokens_remaining ASC""",
    "D2": """SELECT tuh.user_id, u.email, tuh.action, tuh.tokens_used, tuh.created_at
        FROM token_usage_history tuh JOIN users u ON tuh.user_id = u.id
        ORDER BY tuh.created_at DESC LIMIT 20""",
    "D3": """SELECT u.id, u.email, u.tokens_remaining, us.tokens_limit
        FROM users u JOIN user_subscriptions us ON u.id = us.user_id
        WHERE u.tokens_remaining = us.tokens_limit AND us.is_active = 1""",
}
"""The documented health queries, as documented."""

_OF_CONTRACT = "application_columns"
_WITH_CONTRACT = "contract.toml"
_MINUTE = timedelta(minutes=1)
_ONE_LOOK = timedelta(hours=1)
_RUNS = {"": "one run", "sweep": "walked whole", "cursor": "the last hour"}
A_MINUTE = ": shipped queries on intervals, a minute"
_LONGEST = ": longest statement"


def run(options: Options) -> list[Row]:
    """Measure on each server and schema."""
    rows: list[Row] = []
    for kind in options.servers:
        for schema in options.schemas or SCHEMAS:
            with target_of(options, kind, schema) as (target, connection):
                rows += _documented(options, kind, target, connection)
                rows += shipped(options, kind, target, connection)
    return rows


def plots(rows: Sequence[Row]) -> dict[str, str]:
    """Return the plots of a minute and of the longest statement."""
    return {
        "cost": bars(
            "Each query on its interval", "ms a minute", _by_end(rows, A_MINUTE)
        ),
        "longest": bars("Longest statement", "ms", _by_end(rows, _LONGEST)),
    }


def _by_end(rows: Sequence[Row], end: str) -> dict[str, float]:
    return {
        row.measure.removesuffix(end): row.median
        for row in rows
        if row.measure.endswith(end)
    }


@contextmanager
def target_of(
    options: Options, kind: ServerKind, schema: str
) -> Iterator[tuple[Target, PrivateConnection]]:
    """Have the server run; return the schema as a target, with its config.toml, and a connection of root's."""
    with (
        tempfile.TemporaryDirectory(prefix="tm-") as name,
        serving(kind, options.folder) as server,
        server.connect(schema) as connection,
    ):
        freshen(connection, schema)
        password_file = Path(name) / "password"
        account = f"bench_{os.getpid()}"  # what others do is not ours
        create_account(connection, account, schema, password_file)
        target = Target("main", server, schema, account, password_file)
        (Path(name) / "config.toml").write_text(target.table())
        _write_contract(target, Path(name) / "application")
        yield target, connection
        drop_account(server, account)


def _write_contract(target: Target, folder: Path) -> None:
    """Write a configuration with the documented statements as an application's, beside the one without."""
    folder.mkdir()
    (folder / "documented.sql").write_text(";\n".join(DOCUMENTED.values()) + ";\n")
    contract = f'[contract]\napp_sql = ["{folder}"]\n'
    path = folder.with_name(_WITH_CONTRACT)
    path.write_text(target.table() + contract)


def shipped(
    options: Options,
    kind: ServerKind,
    target: Target,
    connection: PrivateConnection,
    part: str = "cost",
) -> list[Row]:
    """Measure each shipped query; return a row for each, for all of them a minute, and for the longest statement."""
    where = f"{kind} {target.schema}"
    rows: list[Row] = []
    totals = [_NOTHING] * options.repeats
    for query in queries_of(options.checkout):
        if options.queries and query.name not in options.queries:
            continue
        costs = _costs_of(options, kind, target, connection, query.name)
        totals = [
            total.plus(cost, query.runs_a_minute(cost.seconds))
            for total, cost in zip(totals, costs, strict=True)
        ]
        what = _RUNS[query.walk]
        samples = _ms(cost.seconds for cost in costs)
        rows.append(Row(part, f"{where}: {query.name}, {what}", "ms", samples))
        say(rows[-1].line())
    found = [
        Row(part, f"{where}{A_MINUTE}", "ms", _ms(total.seconds for total in totals)),
        Row(part, f"{where}{A_MINUTE}, processor's time", "ms", _ms(total.cpu_seconds for total in totals)),
        Row(part, f"{where}{_LONGEST}", "ms", _ms(total.longest for total in totals)),
    ]  # fmt: skip
    for row in found:
        say(row.line())
    return rows + found


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took the server, or all runs of a minute; seconds."""

    seconds: float
    cpu_seconds: float
    longest: float
    """Of its statements."""

    def plus(self, run: Cost, times: float) -> Cost:
        """Return the sum with so many of such runs; the longest statement of both."""
        return Cost(
            self.seconds + times * run.seconds,
            self.cpu_seconds + times * run.cpu_seconds,
            max(self.longest, run.longest),
        )


_NOTHING = Cost(0.0, 0.0, 0.0)


def _costs_of(
    options: Options,
    kind: ServerKind,
    target: Target,
    connection: PrivateConnection,
    name: str,
) -> list[Cost]:
    # Its application is read at each load: not by the runs of queries that have nothing of it.
    file = _WITH_CONTRACT if name == _OF_CONTRACT else "config.toml"
    config = target.password_file.with_name(file)
    command = our_command("query", name, "--config", str(config))
    found: list[Cost] = []
    for _ in range(options.repeats + 1):
        empty_the_books(connection)
        before = account_time(connection, kind, target.account)
        _run(command, options.checkout)
        after = account_time(connection, kind, target.account)
        statements = statements_in(connection, kind, target.schema)
        cpu_seconds = after.cpu_seconds - before.cpu_seconds
        found.append(Cost(seconds_of(statements), cpu_seconds, longest_of(statements)))
    return found[1:]  # the first one warms


def _run(command: Sequence[str], checkout: Path) -> None:
    done = subprocess.run(
        command,
        env=our_environment(checkout),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    said = (done.stdout + done.stderr).strip()
    message = f"{' '.join(command)} failed: {said[-500:]}"
    if Reason.TIMEOUT not in said:
        raise RuntimeError(message)
    # Too slow is a finding too: what it took until it was stopped counts.
    say(message)


def _ms(seconds: Iterable[float]) -> tuple[float, ...]:
    return tuple(each * 1000 for each in seconds)


@dataclass(frozen=True, slots=True)
class Shipped:
    """A shipped query as its .toml says."""

    name: str
    interval: timedelta
    """Of a sweep its cycle, of what reads forward the hour that one look at it reads."""
    walk: str = ""
    """`cursor`, `sweep` or neither."""

    def runs_a_minute(self, seconds: float) -> float:
        """Return how many runs a minute is worth, of those that take so long; of a sweep no more than its share."""
        runs = _MINUTE / self.interval
        if self.walk != "sweep" or not seconds:
            return runs
        return min(runs, Courtesy().step_seconds(_MINUTE) / seconds)


def queries_of(checkout: Path) -> list[Shipped]:
    """Return the shipped queries of a checkout."""
    return [_shipped_query(path) for path in sorted(checkout.glob("queries/*.toml"))]


def _shipped_query(path: Path) -> Shipped:
    document = tomllib.loads(path.read_text())
    interval = parse_duration(document.get("interval", "1m"))
    if "sweep" in document:
        cycle = document["sweep"].get("cycle")
        length = parse_duration(cycle) if cycle else DEFAULT_CYCLE
        return Shipped(path.stem, length, "sweep")
    if "cursor" in document:
        return Shipped(path.stem, _ONE_LOOK, "cursor")
    return Shipped(path.stem, interval)


def _documented(
    options: Options, kind: ServerKind, target: Target, connection: PrivateConnection
) -> list[Row]:
    rows: list[Row] = []
    a_minute = [0.0] * options.repeats
    for name, statement in DOCUMENTED.items():
        samples = _seconds_of(options, kind, target, connection, statement)
        a_minute = [sum(pair) for pair in zip(a_minute, samples, strict=True)]
        rows.append(_row(kind, target, f"{name} as documented", samples))
        say(rows[-1].line())
    rows.append(_row(kind, target, "documented queries once a minute", a_minute))
    return rows


def _row(kind: ServerKind, target: Target, what: str, seconds: Sequence[float]) -> Row:
    return Row("cost", f"{kind} {target.schema}: {what}", "ms", _ms(seconds))


def _seconds_of(
    options: Options,
    kind: ServerKind,
    target: Target,
    connection: PrivateConnection,
    statement: str,
) -> list[float]:
    found: list[float] = []
    for _ in range(options.repeats + 1):
        empty_the_books(connection)
        with (
            target.server.connect(target.schema) as other,
            other.cursor() as cursor,
        ):
            cursor.execute(statement)
            cursor.fetchall()
        seconds = 0.0
        while seconds == 0.0:  # it is booked a moment after its last row
            seconds = seconds_of(statements_in(connection, kind, target.schema))
        found.append(seconds)
    return found[1:]
