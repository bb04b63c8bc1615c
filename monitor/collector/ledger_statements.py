"""The statements of one look of a ledger, and their rows as values; at the edge."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from monitor.collector.cells import label_of, number_of
from monitor.collector.fetching import MIN_TRY_SECONDS, fetch, only_row
from monitor.collector.samples import CellRow, fields_of
from monitor.database import Session
from monitor.model.errors import SampleError
from monitor.model.identifiers import quoted
from monitor.model.ledger import Account, Terms, UsageRow, UserId
from monitor.model.results import Rows, ServerWarning
from monitor.model.settings import Bindable, Query, Statement
from monitor.model.walks import Ledger

PIECE_IDS = 10_000
"""So many ids are read with one statement; no more rows than these can come of it."""


@dataclass(slots=True)
class LedgerStatements:
    """Sends what one look asks, in a leased session; each method raises QueryError and SampleError."""

    query: Query
    walk: Ledger
    session: Session
    ends_at_seconds: float
    """When the time of the look is over, on the monotonic clock."""
    warnings: dict[ServerWarning, None] = field(default_factory=dict)
    shown: Rows = field(default_factory=lambda: Rows((), ()))
    """The first rows of use that were read."""

    def highest(self) -> int:
        """Return the highest id; 0 of an empty table."""
        column, table = quoted(self.walk.column), quoted(self.walk.table)
        sql = Statement(f"SELECT COALESCE(MAX({column}), 0) FROM {table}")
        (found,) = only_row(self._fetch(sql, {}, 1))
        return int(str(found))

    def rows(self, since: int, until: int, sample: int) -> Iterator[UsageRow]:
        """Yield the rows of use above an id and up to one, of users with a hash up to `sample`."""
        statement = self.query.statement_for(self.session.server.flavor)
        for first in range(since, until, PIECE_IDS):
            last = min(until, first + PIECE_IDS)
            bounds = {"since": first, "until": last, "sample": sample}
            values = {**self.query.parameters, **bounds}
            rows = self._fetch(statement, values, PIECE_IDS)
            if rows.rows and not self.shown.rows:
                self.shown = rows
            yield from map(_usage_row, fields_of(rows))

    def accounts(self, users: Iterable[UserId]) -> Mapping[UserId, Account]:
        """Return balance and terms of these users; of one who is gone nothing."""
        asked = tuple(str(user) for user in users)
        statement = self.query.accounts
        if not asked or statement is None:
            return {}
        values = {**self.query.parameters, Ledger.accounts: asked}
        rows = self._fetch(statement, values, self.query.max_rows)
        of_user: dict[UserId, list[CellRow]] = defaultdict(list)
        for row in fields_of(rows):
            of_user[_user_of(row)].append(row)
        return {user: _account(some) for user, some in of_user.items()}

    def _fetch(
        self, statement: Statement, values: Mapping[str, Bindable], max_rows: int
    ) -> Rows:
        left_seconds = self.ends_at_seconds - time.monotonic()
        timeout = timedelta(seconds=max(MIN_TRY_SECONDS, left_seconds))
        rows = fetch(self.session, statement, values, timeout, max_rows)
        self.warnings.update(dict.fromkeys(rows.warnings))
        return rows


def _usage_row(row: CellRow) -> UsageRow:
    return UsageRow(_number(row, "usage_id"), _user_of(row), _number(row, "tokens"))


def _account(rows: Iterable[CellRow]) -> Account:
    """Return the account that rows of one user say, one for each active subscription."""
    balance = None
    subscriptions: list[tuple[int, str]] = []
    for row in rows:
        balance = _integer(row, "balance")
        if row["plan"].cell is not None:
            limit = _number(row, "tokens_limit")
            subscriptions.append((limit, label_of(row["plan"])))
    if not subscriptions:
        return Account(balance, Terms())
    # The highest limit decides, then the first plan by its name.
    subscriptions.sort(key=lambda one: (-one[0], one[1]))
    limit, plan = subscriptions[0]
    return Account(balance, Terms(limit, plan, tuple(subscriptions)))


def _user_of(row: CellRow) -> UserId:
    text = label_of(row["user_id"])
    # The history may have as text what is a number in the other table.
    return int(text) if text.isascii() and text.isdigit() else text


def _number(row: CellRow, name: str) -> int:
    """Return a whole number of a row; 0 of NULL."""
    return _integer(row, name) or 0


def _integer(row: CellRow, name: str) -> int | None:
    """Return a whole number of a row, None of NULL; what is behind the point is cut off."""
    if name not in row:
        raise SampleError(f'a ledger needs a column "{name}"')
    cell = row[name].cell
    # Read as a float a large id would be another one.
    if cell is None or isinstance(cell, int):
        return cell
    return int(number_of(row[name]))
