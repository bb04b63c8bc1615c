"""Targets, queries and small statements for the tests of the database edge, and waits for conditions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.database import Database, Session
from monitor.demo.mariadb import PrivateServer
from monitor.model.conditions import Condition
from monitor.model.errors import QueryError, Reason, TargetError
from monitor.model.results import Rows
from monitor.model.schedules import Every
from monitor.model.settings import Metric, Query, Rule, Scalar, Severity, Statement
from monitor.model.targets import PasswordSource, Target, Tls

DISABLED = Tls("disabled")
ELSEWHERE = "0.0.0.0"  # leads to this machine, and is not named as it
PASSWORD = {"PASSWORD": "s3cret"}
# A sum of all the digits: MySQL knows the count of a cross join without running it.
RUNAWAY = (
    f"SELECT SUM(SQRT({' + '.join(f'd{number}.digit' for number in range(14))})) AS n"
    f" FROM {', '.join(f'digits d{number}' for number in range(14))}"
)
"""Takes hours; `make_digits` makes its table."""
TEN_MILLION_ROWS = (
    f"SELECT d0.digit FROM {', '.join(f'digits d{number}' for number in range(7))}"
)


def target_for(
    server: PrivateServer,
    *,
    schema: str = "",
    user: str = "root",
    password: PasswordSource | None = None,
    max_connections: int = 2,
    tls: Tls = DISABLED,
) -> Target:
    """Describe a private server as a target, over its unix socket."""
    return Target(
        name="main",
        user=user,
        database=schema,
        tls=tls,
        unix_socket=server.socket,
        password=password,
        max_connections=max_connections,
    )


def target_of_account(server: PrivateServer, schema: str, account: str) -> Target:
    """Describe a private server as a target for an account whose password is in $PASSWORD."""
    password = PasswordSource(env="PASSWORD")
    return target_for(server, schema=schema, user=account, password=password)


def target_at(
    port: int,
    *,
    schema: str = "app",
    user: str = "over_tcp",
    password: PasswordSource | None = None,
    host: str = "127.0.0.1",
    max_connections: int = 2,
    tls: Tls = DISABLED,
) -> Target:
    """Describe what listens on a port of loopback as a target; its password is in $PASSWORD."""
    return Target(
        name="main",
        user=user,
        database=schema,
        tls=tls,
        host=host,
        port=port,
        password=password or PasswordSource(env="PASSWORD"),
        max_connections=max_connections,
    )


def a_query(
    name: str, sql: str, *, evidence: str = "", seconds: float, max_rows: int
) -> Query:
    """Describe a query whose number is `n`; with evidence, it has a rule that asks for it above 0."""
    above = Condition("above", 0.0)
    rule = Rule(
        "Found", name, above, Severity.INFO, "found", evidence=Statement(evidence)
    )
    return Query(
        name,
        "",
        Statement(sql),
        Every(timedelta(minutes=1)),
        timedelta(seconds=seconds),
        max_rows,
        Path(f"{name}.sql"),
        metrics=(Metric(name, "", value="n"),),
        rules=(rule,) if evidence else (),
    )


def fetch_in(
    session: Session,
    sql: str,
    values: Mapping[str, Scalar] | None = None,
    *,
    seconds: float = 5,
    max_rows: int = 100,
) -> Rows:
    """Run a statement whose parameters are all of `values`."""
    values = values or {}
    statement = Statement(sql, tuple(values))
    return session.fetch(
        statement, values, timeout=timedelta(seconds=seconds), max_rows=max_rows
    )


def fetch(
    database: Database,
    sql: str,
    values: Mapping[str, Scalar] | None = None,
    *,
    seconds: float = 5,
    max_rows: int = 100,
) -> Rows:
    """Lease, run a statement, give back."""
    with database.lease(deadline_seconds=20) as session:
        return fetch_in(session, sql, values, seconds=seconds, max_rows=max_rows)


def is_healed(database: Database) -> bool:
    """Return whether a database that could not be had is used again: it is tried once a second."""
    try:
        return fetch(database, "SELECT 1 AS one").rows == ((1,),)
    except QueryError:
        return False


def run_as_root(server: PrivateServer, *statements: str) -> None:
    """Do what the owner of the server does."""
    with server.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def make_digits(server: PrivateServer, schema: str) -> None:
    """Make the table of `RUNAWAY`: ten rows."""
    rows = ", ".join(f"({digit})" for digit in range(10))
    run_as_root(
        server,
        f"CREATE TABLE {schema}.digits (digit INT PRIMARY KEY)",
        f"INSERT INTO {schema}.digits VALUES {rows}",
    )


def running_away(server: PrivateServer) -> tuple[int, ...]:
    """List the threads that run the runaway, those too that were asked to end and have not yet."""
    return running(server, "SELECT SUM(SQRT(")


def running(server: PrivateServer, beginning: str) -> tuple[int, ...]:
    """List the threads that run a statement which begins so."""
    sql = "SELECT id FROM information_schema.processlist WHERE info LIKE %s"
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(sql, (f"{beginning}%",))
        return tuple(int(row[0]) for row in cursor.fetchall())


def sessions_of(
    server: PrivateServer, *, user: str = "root", running: bool = False
) -> tuple[int, ...]:
    """List the threads of an account, without the asker's own; running: only those that run a statement."""
    sql = "SELECT id FROM information_schema.processlist WHERE user = %s AND id <> CONNECTION_ID()"
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(sql + (" AND command = 'Query'" if running else ""), (user,))
        return tuple(int(row[0]) for row in cursor.fetchall())


def id_of(session: Session) -> int:
    """Return which connection of the server a session has."""
    ((number,),) = fetch_in(session, "SELECT CONNECTION_ID() AS id").rows
    return int(number)  # type: ignore[arg-type]  # a cell may be anything


def wait_until(
    condition: Callable[[], object], what: str, *, seconds: float = 30
) -> None:
    """Wait for a condition; fails with what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def write_password(path: Path, password: str) -> PasswordSource:
    """Put a password into a file, as an operator would."""
    path.write_text(password + "\n")
    return PasswordSource(file=path)


def refusal_of(database: Database) -> TargetError:
    """Return how a database refused to lend a connection."""
    with pytest.raises(TargetError) as caught, database.lease(deadline_seconds=20):
        pass
    return caught.value


def verdict_on(database: Database) -> tuple[Reason, str, int | None]:
    """Sum the refusal up, having looked that it does not tell the password."""
    error = refusal_of(database)
    assert "s3cret" not in f"{error!r} {error.message}"
    return (error.reason, error.detail, error.code)
