"""Make the bench's data: a big token system on both servers, without and with the advised indexes.

The data are computed from the row's number alone, so both servers hold the same rows, and so does whoever
repeats it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.demo.mariadb import PrivateConnection, PrivateServer
from monitor.demo.tokens import create_tables
from scripts.bench_parts.options import Options, say
from scripts.bench_parts.rows import Row
from scripts.bench_parts.servers import ServerKind, serving

SCHEMAS = ("bare", "indexed", "bare_null", "indexed_null")
"""Neither advised index; both; and the same two with every balance NULL (and a history of a day)."""

ADVISED_INDEXES = (
    "ALTER TABLE users ADD KEY advised_balance (tokens_remaining)",
    "ALTER TABLE user_subscriptions"
    " ADD KEY advised_subscription (user_id, is_active, tokens_limit, plan_type)",
)

_CHUNK = 100_000
_PLACES = 5
_DAY_ROWS = 86_400
_DIGITS = "SELECT 0 d UNION ALL " + " UNION ALL ".join(
    f"SELECT {digit}" for digit in range(1, 10)
)

# A number that looks drawn, from a row's number: the multiplier and the prime are Knuth's and the next one.
_DRAWN = "((n * 2654435761) % 1000003)"
_PLAN = f"CASE WHEN {_DRAWN} % 10 < 6 THEN 'free' WHEN {_DRAWN} % 10 < 9 THEN 'pro' ELSE 'business' END"
_LIMIT = f"CASE WHEN {_DRAWN} % 10 < 6 THEN 20000 WHEN {_DRAWN} % 10 < 9 THEN 200000 ELSE 1000000 END"

# In a million: 1,000 NULL, 500 negative, 500 zero, 2,500 below 1,000 and 2,500 below 2,000, 20,000 at the limit.
_BALANCE = f"""CASE
    WHEN n % 1000 = 7 THEN NULL
    WHEN n % 2000 = 11 THEN -1 - {_DRAWN} % 500
    WHEN n % 2000 = 1011 THEN 0
    WHEN n % 400 = 13 THEN 1 + {_DRAWN} % 999
    WHEN n % 400 = 213 THEN 1000 + {_DRAWN} % 1000
    WHEN n % 50 = 17 THEN {_LIMIT}
    ELSE 2000 + {_LIMIT} * ({_DRAWN} % 900) DIV 1000 END"""

_USERS = """INSERT INTO users (id, email, username, password, full_name, is_verified, tokens_remaining, created_at)
    SELECT n, CONCAT('user', n, '@example.com'), CONCAT('user', n), '*', CONCAT('User ', n), 1, {balance},
        TIMESTAMP'{now}' - INTERVAL 700 DAY + INTERVAL n SECOND
    FROM {numbers}"""
# One user of ten has cancelled, one of a hundred has a second active subscription.
_SUBSCRIPTIONS = f"""INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type, is_active)
    SELECT n, {_LIMIT}, {_PLAN}, n % 10 <> 0 FROM {{numbers}}"""
_SECOND_SUBSCRIPTIONS = """INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type, is_active)
    SELECT n * 100 - 49, 200000, 'pro', 1 FROM {numbers}"""
_HISTORY = f"""INSERT INTO token_usage_history (user_id, article_id, tokens_used, action, created_at)
    SELECT 1 + {_DRAWN} * 31 % {{users}}, {_DRAWN} % 5000, 100 + {_DRAWN} % 1900,
        ELT(1 + {_DRAWN} % 5, 'rewrite', 'seo_title', 'meta_description', 'write_more', 'find_image'),
        TIMESTAMP'{{now}}' - INTERVAL ({{rows}} - n) SECOND
    FROM {{numbers}}"""
# As much as has passed since the newest row, at the same pace.
_LATER = f"""INSERT INTO token_usage_history (user_id, article_id, tokens_used, action, created_at)
    SELECT 1 + {_DRAWN} * 31 % {{users}}, {_DRAWN} % 5000, 100 + {_DRAWN} % 1900,
        ELT(1 + {_DRAWN} % 5, 'rewrite', 'seo_title', 'meta_description', 'write_more', 'find_image'),
        TIMESTAMP'{{newest}}' + INTERVAL n SECOND
    FROM {{numbers}}"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many users and rows of usage."""

    users: int = 1_000_000
    usage: int = 5_010_000


def run(options: Options) -> list[Row]:
    """Make the data on each server where it is not there yet, and bring the history up to now."""
    size = Size(options.users, options.usage)
    for kind in options.servers:
        with serving(kind, options.folder) as server:
            make(server, kind, size)
    return []


def make(
    server: PrivateServer,
    kind: ServerKind,
    size: Size,
    schemas: Sequence[str] = SCHEMAS,
) -> None:
    """Make those of the schemas that the server does not have in this size, and bring all of them up to now."""
    with server.connect() as connection:
        _execute(connection, "SET SESSION time_zone = '+00:00'")
        for schema in schemas:
            if sizes_of(connection, schema) != _size_in(schema, size):
                began = time.monotonic()
                make_schema(connection, schema, size, datetime.now(UTC))
                seconds = time.monotonic() - began
                say(f"{kind}: {schema} made in {seconds:.0f} s")
            freshen(connection, schema)


def sizes_of(connection: PrivateConnection, schema: str) -> Size | None:
    """Return the size of a schema that is whole; None if it is not there, or was being made."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s AND table_name = 'bench_size'",
            (schema,),
        )
        if cursor.fetchone() == (0,):
            return None
        cursor.execute(f"SELECT users, `usage` FROM {schema}.bench_size")
        row = cursor.fetchone()
    return None if row is None else Size(*row)


def freshen(connection: PrivateConnection, schema: str) -> None:
    """Add the rows of usage between the newest one and now, one a second."""
    with connection.cursor() as cursor:
        cursor.execute(f"USE {schema}")
        cursor.execute(
            "SELECT MAX(created_at), TIMESTAMPDIFF(SECOND, MAX(created_at), UTC_TIMESTAMP()) FROM token_usage_history"
        )
        newest, seconds = cursor.fetchone() or (None, 0)
        size = sizes_of(connection, schema)
        assert size is not None
        for first, last in _chunks(seconds):
            numbers = _numbers(first, last)
            cursor.execute(
                _LATER.format(users=size.users, newest=newest, numbers=numbers)
            )


def make_schema(
    connection: PrivateConnection, schema: str, size: Size, now: datetime
) -> None:
    """Make a schema anew, with rows of usage up to `now` (aware)."""
    now = now.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    size = _size_in(schema, size)
    _execute(connection, f"DROP DATABASE IF EXISTS {schema}")
    create_tables(connection, schema)
    if "indexed" in schema:
        # Before the rows: the first of these costs a minute when it comes afterwards.
        for statement in ADVISED_INDEXES:
            _execute(connection, statement)
    balance = "NULL" if "null" in schema else _BALANCE
    _fill(connection, size.users, lambda n: _USERS.format(balance=balance, now=now, numbers=n))  # fmt: skip
    _fill(connection, size.users, lambda n: _SUBSCRIPTIONS.format(numbers=n))
    _fill(
        connection, size.users // 100, lambda n: _SECOND_SUBSCRIPTIONS.format(numbers=n)
    )
    history = {"users": size.users, "rows": size.usage, "now": now}
    _fill(connection, size.usage, lambda n: _HISTORY.format(**history, numbers=n))
    for table in ("users", "user_subscriptions", "token_usage_history"):
        _execute(connection, f"ANALYZE TABLE {table}")
    _execute(connection, "CREATE TABLE bench_size (users INT, `usage` INT)")
    _execute(connection, f"INSERT INTO bench_size VALUES ({size.users}, {size.usage})")


def _size_in(schema: str, size: Size) -> Size:
    """Return the size of a schema: where every balance is NULL only those matter."""
    usage = min(size.usage, _DAY_ROWS) if "null" in schema else size.usage
    return Size(size.users, usage)


def _fill(
    connection: PrivateConnection, rows: int, statement: Callable[[str], str]
) -> None:
    for first, last in _chunks(rows):
        _execute(connection, statement(_numbers(first, last)))


def _chunks(rows: int) -> Iterator[tuple[int, int]]:
    for first in range(1, rows + 1, _CHUNK):
        yield first, min(first + _CHUNK - 1, rows)


def _numbers(first: int, last: int) -> str:
    """Return what gives the numbers n of a range after FROM, on any server and in order."""
    names = [f"t{place}" for place in range(_PLACES)]
    tables = " CROSS JOIN ".join(f"({_DIGITS}) {name}" for name in names)
    number = " + ".join(
        f"{name}.d * {10**place}" for place, name in enumerate(reversed(names))
    )
    return f"(SELECT {first} + {number} AS n FROM {tables}) numbers WHERE n <= {last} ORDER BY n"


def _execute(connection: PrivateConnection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
