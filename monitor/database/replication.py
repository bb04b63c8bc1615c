"""Read what a server says of its replication, and what is read only; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from monitor.model.results import Replication

_OFF = ("0", "OFF", "")


def replication_of(rows: Iterable[Mapping[str, object]]) -> Replication | None:
    """Return the worst source of the answer of SHOW REPLICA STATUS; None without any, so not a replica.

    `rows` by the columns' names, a row for each source.
    """
    sources = [_of_source(row) for row in rows]
    return max(sources, key=_delay_seconds, default=None)


def _delay_seconds(source: Replication) -> float:
    # One that does not replicate is worse than any lag.
    return math.inf if source.lag_seconds is None else source.lag_seconds


def _of_source(row: Mapping[str, object]) -> Replication:
    def cell(mysql: str, mariadb: str) -> object:
        return row.get(mysql, row.get(mariadb))

    lag = cell("Seconds_Behind_Source", "Seconds_Behind_Master")
    if isinstance(lag, int):
        return Replication(float(lag))
    receiver = cell("Replica_IO_Running", "Slave_IO_Running")
    applier = cell("Replica_SQL_Running", "Slave_SQL_Running")
    return Replication(None, f"IO thread: {receiver}, SQL thread: {applier}")


def is_on(value: object) -> bool:
    """Return whether a variable is on: newer servers have more kinds of read only than ON."""
    return value is not None and str(value).upper() not in _OFF
