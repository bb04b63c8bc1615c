"""The statements of one look of a ledger, and their rows as values; at the edge."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from typing import Final, TypeAlias

from monitor.collector.cells import CellField, label_of, number_of, type_of
from monitor.collector.fetching import MIN_TRY_SECONDS, fetch, only_row
from monitor.database import Session
from monitor.model.binary_keys import key_hash, key_of, key_text
from monitor.model.errors import SampleError
from monitor.model.identifiers import quoted
from monitor.model.ledger import Account, Terms, Tokens, UsageRow, UserId
from monitor.model.results import Cell, Rows, ServerWarning
from monitor.model.settings import Bindable, Query, Statement
from monitor.model.walks import Ledger

PIECE_IDS = 10_000
"""So many ids are read with one statement; no more rows than these can come of it."""

_USAGE_COLUMNS: Final = ("usage_id", "user_id", "tokens")
_USER_HASH: Final = "user_hash"
_ACCOUNT_COLUMNS: Final = ("balance", "tokens_limit", "plan")
_WHOLE_NUMBER: Final = re.compile("0|-?[1-9][0-9]*")
"""As a number is written: `007` is another user than `7`, and would not be found again as one."""
_DIGITS: Final = 6
"""Behind the point of what is no exact number: `0.1 + 0.2` is 0.3."""
_AccountCells: TypeAlias = tuple[Cell, Cell, Cell]
"""Of those columns."""


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
            self.shown = self.shown if self.shown.rows else rows
            cells = _cells_of(rows, *_USAGE_COLUMNS)
            hashes = _hashes_of(rows)
            for (number, user, tokens), user_hash in zip(cells, hashes, strict=True):
                id_, of_row = int(tokens_of(number)), tokens_of(tokens)
                yield UsageRow(id_, _user_of(user), of_row, user_hash)

    def accounts(self, users: Collection[UserId]) -> Mapping[UserId, Account]:
        """Return balance and terms of these users; of one who is gone nothing."""
        asked = tuple(key_of(str(user)) for user in users)
        statement = self.query.accounts
        if not asked or statement is None:
            return {}
        values = {**self.query.parameters, Ledger.accounts: asked}
        rows = self._fetch(statement, values, self.query.max_rows)
        known = _Asked(users)
        of_user: dict[UserId, list[_AccountCells]] = defaultdict(list)
        for user, *cells in _cells_of(rows, "user_id", *_ACCOUNT_COLUMNS):
            balance, limit, plan = cells
            of_user[known.as_asked(_user_of(user))].append((balance, limit, plan))
        return {user: _account(some) for user, some in of_user.items()}

    def _fetch(
        self, statement: Statement, values: Mapping[str, Bindable], max_rows: int
    ) -> Rows:
        left_seconds = self.ends_at_seconds - time.monotonic()
        timeout = timedelta(seconds=max(MIN_TRY_SECONDS, left_seconds))
        rows = fetch(self.session, statement, values, timeout, max_rows)
        self.warnings.update(dict.fromkeys(rows.warnings))
        return rows


class _Asked:
    """The users that were asked for, as the history writes them: a server may find `User-7` for `user-7`."""

    def __init__(self, users: Collection[UserId]) -> None:
        self._users = frozenset(users)
        self._by_folded = {
            user.casefold(): user for user in users if isinstance(user, str)
        }

    def as_asked(self, found: UserId) -> UserId:
        """Return the user as it was asked for."""
        if found in self._users or isinstance(found, int):
            return found
        return self._by_folded.get(found.casefold(), found)


def _cells_of(rows: Rows, *names: str) -> Iterable[tuple[Cell, ...]]:
    """Return the cells of some columns, row by row; there are too many to make a field of each."""
    lacking = sorted(set(names) - set(rows.columns))
    if lacking:
        raise SampleError(f"a ledger needs a column {', '.join(lacking)}")
    return map(itemgetter(*map(rows.columns.index, names)), rows.rows)


def _hashes_of(rows: Rows) -> Iterable[int]:
    """Return the hash of each row's user; computed here where the statement does not give it."""
    if _USER_HASH in rows.columns:
        place = rows.columns.index(_USER_HASH)
        return [int(tokens_of(cells[place])) for cells in rows.rows]
    place = rows.columns.index("user_id")
    return [key_hash(str(_user_of(cells[place]))) for cells in rows.rows]


def _account(rows: Sequence[_AccountCells]) -> Account:
    """Return the account that rows of one user say, one for each active subscription."""
    balance = rows[0][0]
    tokens = None if balance is None else tokens_of(balance)
    subscriptions = [
        (tokens_of(limit), str(plan)) for _, limit, plan in rows if plan is not None
    ]
    if not subscriptions:
        return Account(tokens, Terms())
    # The highest limit decides, then the first plan by its name.
    subscriptions.sort(key=_by_limit)
    limit, plan = subscriptions[0]
    return Account(tokens, Terms(limit, plan, tuple(subscriptions)))


def _by_limit(subscription: tuple[Tokens, str]) -> tuple[Tokens, str]:
    limit, plan = subscription
    return -limit, plan


def _user_of(cell: Cell) -> UserId:
    if isinstance(cell, int):
        return cell
    if isinstance(cell, bytes):
        return key_text(cell)
    text = label_of(_field_of(cell, "user_id"))
    # The history may have as text what is a number in the other table.
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text


def tokens_of(cell: Cell) -> Tokens:
    """Return a number with all its digits, 0 of NULL; of a DOUBLE or text those that are no error of rounding."""
    # Read as a float a large id would be another one.
    if isinstance(cell, int):
        return cell
    if cell is None:
        return 0
    value = number_of(_field_of(cell, "of a ledger"))
    exact = cell if isinstance(cell, Decimal) else Decimal(str(round(value, _DIGITS)))
    return int(exact) if exact == exact.to_integral_value() else Fraction(exact)


def _field_of(cell: Cell, column: str) -> CellField:
    return CellField(cell=cell, column=column, type=type_of(cell), row=0)
