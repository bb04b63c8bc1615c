"""Read what statements cost from the server's own books: time, processor time, rows, the longest one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.demo.mariadb import PrivateConnection
from scripts.bench_parts.servers import ServerKind

_PICOSECONDS = 1e-12


@dataclass(frozen=True, slots=True)
class Statement:
    """All runs of one statement since the books were emptied; times in seconds."""

    text: str
    runs: int
    seconds: float
    longest: float
    rows: int
    cpu_seconds: float | None
    """Of the processor; None where the server does not tell (MariaDB tells it by account)."""

    @property
    def reads_tables(self) -> bool:
        """Return whether it is more than what a session sets and asks of itself."""
        return " FROM " in self.text or self.text.startswith("SHOW")


@dataclass(frozen=True, slots=True)
class AccountTime:
    """What an account has cost since the server started; seconds."""

    statements: int
    seconds: float
    cpu_seconds: float
    rows: int
    longest: float
    """Of all so far."""


def empty_the_books(connection: PrivateConnection) -> None:
    """Forget all statements."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE TABLE performance_schema.events_statements_summary_by_digest"
        )


def statements_in(
    connection: PrivateConnection, kind: ServerKind, schema: str
) -> list[Statement]:
    """Return what ran in a schema since the books were emptied."""
    cpu = "SUM_CPU_TIME" if kind == "mysql" else "NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DIGEST_TEXT, COUNT_STAR, SUM_TIMER_WAIT, MAX_TIMER_WAIT, SUM_ROWS_EXAMINED,"
            f" {cpu} FROM performance_schema.events_statements_summary_by_digest WHERE SCHEMA_NAME = %s",
            (schema,),
        )
        rows = cursor.fetchall()
    return [_statement(row) for row in rows]


def _statement(row: tuple[object, ...]) -> Statement:
    text, runs, total, longest, rows, cpu = row
    return Statement(
        text=str(text),
        runs=_whole(runs),
        seconds=_whole(total) * _PICOSECONDS,
        longest=_whole(longest) * _PICOSECONDS,
        rows=_whole(rows),
        cpu_seconds=None if cpu is None else _whole(cpu) * _PICOSECONDS,
    )


def _whole(value: object) -> int:
    return int(str(value))


def seconds_of(statements: Iterable[Statement]) -> float:
    """Return the time of the statements that read tables."""
    return sum(each.seconds for each in statements if each.reads_tables)


def longest_of(statements: Iterable[Statement]) -> float:
    """Return the time of the longest one that read tables."""
    return max((each.longest for each in statements if each.reads_tables), default=0.0)


def account_time(
    connection: PrivateConnection, kind: ServerKind, account: str
) -> AccountTime:
    """Return what an account has cost so far, everything that its sessions did."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT SUM(COUNT_STAR), SUM(SUM_TIMER_WAIT), SUM(SUM_ROWS_EXAMINED), MAX(MAX_TIMER_WAIT)"
            f" {', SUM(SUM_CPU_TIME)' if kind == 'mysql' else ''}"
            " FROM performance_schema.events_statements_summary_by_user_by_event_name WHERE USER = %s",
            (account,),
        )
        runs, total, rows, longest, *cpu = cursor.fetchone() or (0, 0, 0, 0)
        if kind == "mariadb":
            cursor.execute(
                "SELECT COALESCE(SUM(CPU_TIME), 0) FROM information_schema.USER_STATISTICS WHERE USER = %s",
                (account,),
            )
            cpu_seconds = float((cursor.fetchone() or (0,))[0])
        else:
            cpu_seconds = int(cpu[0] or 0) * _PICOSECONDS
    return AccountTime(
        statements=int(runs or 0),
        seconds=int(total or 0) * _PICOSECONDS,
        cpu_seconds=cpu_seconds,
        rows=int(rows or 0),
        longest=int(longest or 0) * _PICOSECONDS,
    )
