"""The schemas of how a query is run: forward, in pieces, or once for each of some items."""

# ruff: noqa: RUF012 -- the validator copies defaults for each instance

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from monitor.config.labels import LABEL_NAME
from monitor.config.toml.validation import (
    Duration,
    Interval,
    Limit,
    ScalarValue,
    Schema,
    Text,
    integer_in,
    refusing,
)
from monitor.model.for_each import DEFAULT_MAX_ITEMS, DEFAULT_NAME
from monitor.model.walks import (
    DEFAULT_CYCLE,
    DEFAULT_LEDGER_SETTLE,
    DEFAULT_LOOP,
    DEFAULT_PIECE,
    DEFAULT_SETTLE,
)


class CursorSchema(Schema):
    """`[cursor]`: the column by which a query reads forward, each row once."""

    column: Text
    settle: Duration = DEFAULT_SETTLE
    time: str = ""
    fallback: Text | None = None


class SweepSchema(Schema):
    """`[sweep]`: the unique key by which a query reads a table in small pieces."""

    key: Text
    cycle: Interval = DEFAULT_CYCLE
    piece: Limit = DEFAULT_PIECE


class LedgerSchema(Schema):
    """`[ledger]`: new rows of use, and the balances of those who made them, compared."""

    column: Text
    accounts: Text
    settle: Interval = DEFAULT_LEDGER_SETTLE
    users: Annotated[int, integer_in(1, 20_000)] = 2000
    loop: Interval = DEFAULT_LOOP


def _column_fault(name: str) -> str | None:
    if LABEL_NAME.fullmatch(name) is not None:
        return None
    return f'"{name}" is not a name that a statement can ask for; allowed: letters, digits and _, no digit first'


def _some(items: list[Any]) -> list[Any]:
    if not items:
        raise ValueError("is empty: there is nothing to ask for")
    return items


AskedName = Annotated[str, refusing(_column_fault)]
"""What a statement may ask for by `:name` or `{name}`."""


class ForEachSchema(Schema):
    """`[for_each]`: for what a query is asked, once each."""

    sql: Text | None = None
    items: Annotated[list[dict[AskedName, ScalarValue]], AfterValidator(_some)] = []
    columns: list[AskedName] = []
    name: AskedName = DEFAULT_NAME
    label: Text | None = None
    max_items: Annotated[int, integer_in(1, 10_000)] = DEFAULT_MAX_ITEMS
