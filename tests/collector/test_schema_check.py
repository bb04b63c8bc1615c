"""A schema query whose information_schema may lie or hide, against tables that are what they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.schema_check import (
    MAX_LOOKS,
    MAX_TOUCHES,
    SchemaAnswer,
    check_schema,
)
from monitor.model.errors import QueryError, Reason
from monitor.model.results import Rows
from monitor.model.schedules import Every
from monitor.model.settings import ColumnName, Query, SchemaColumns, Statement

QUERY = Query(
    "columns",
    "Columns",
    Statement("SELECT 1"),
    Every(timedelta(minutes=1)),
    timedelta(seconds=5),
    1000,
    Path("columns.toml"),
    schema=SchemaColumns("table", "column", "missing"),
)
EXPECTED = tuple(
    ColumnName(table, column) for table in ("users", "plans") for column in ("a", "b")
)
THERE = "there"
GONE, HIDDEN, TABLE_GONE, TABLE_HIDDEN = 1054, 1143, 1146, 1142
REASONS = {
    **dict.fromkeys((GONE, TABLE_GONE), Reason.SCHEMA_MISSING),
    **dict.fromkeys((HIDDEN, TABLE_HIDDEN), Reason.ACCESS_DENIED),
}


class Server:
    """Columns as they are, and what information_schema says of them, look after look."""

    def __init__(
        self,
        truth: Mapping[ColumnName, object],
        lies: Sequence[frozenset[ColumnName]] = (),
    ) -> None:
        self.truth = truth
        self.lies = list(lies)
        self.looks = 0
        self.touches: list[str] = []

    def look(self) -> Rows:
        hidden = self.lies[self.looks] if self.looks < len(self.lies) else frozenset()
        self.looks += 1
        rows = [
            (name.table, name.column, int(state != THERE or name in hidden))
            for name, state in self.truth.items()
        ]
        tables = dict.fromkeys(name.table for name in self.truth)
        return Rows(
            ("table", "column", "missing"),
            (*rows, *((table, "", 0) for table in tables)),
        )

    def touch(self, sql: str) -> None:
        self.touches.append(sql)
        match = re.fullmatch(r"SELECT (?:1|`(\w+)`) FROM `(\w+)` LIMIT 0", sql)
        assert match
        column, table = match.groups()
        states = {
            name.column: state
            for name, state in self.truth.items()
            if name.table == table
        }
        for code in (TABLE_GONE, TABLE_HIDDEN):
            if code in states.values():
                raise _error(code)
        if column is not None and states[column] != THERE:
            raise _error(states[column])

    def check(self) -> SchemaAnswer:
        return check_schema(QUERY, self.look, self.touch)


def _error(code: object) -> QueryError:
    assert isinstance(code, int)
    return QueryError(REASONS[code], f"error {code}", code=code)


_COLUMN_STATES = st.sampled_from([THERE, THERE, GONE, HIDDEN])
_TABLES = st.one_of(
    st.tuples(_COLUMN_STATES, _COLUMN_STATES),
    st.just((TABLE_GONE, TABLE_GONE)),
    st.just((TABLE_HIDDEN, TABLE_HIDDEN)),
)
TRUTHS = st.tuples(_TABLES, _TABLES).map(
    lambda states: dict(zip(EXPECTED, (*states[0], *states[1]), strict=True))
)
LIES = st.lists(st.frozensets(st.sampled_from(EXPECTED)), max_size=MAX_LOOKS + 1)


@given(TRUTHS, LIES)
def test_whatever_information_schema_says_only_what_a_touch_finds_missing_is_missing(
    truth: Mapping[ColumnName, object], lies: Sequence[frozenset[ColumnName]]
) -> None:
    server = Server(truth, lies)
    with suppress(QueryError):
        _says_what_is_true(server.check(), truth)


def _says_what_is_true(
    answer: SchemaAnswer, truth: Mapping[ColumnName, object]
) -> None:
    gone = {name for name, state in truth.items() if state in (GONE, TABLE_GONE)}
    hidden = {name for name, state in truth.items() if state in (HIDDEN, TABLE_HIDDEN)}
    assert answer.missing == gone
    assert answer.unknown == hidden
    answered = {
        ColumnName(str(row[0]), str(row[1])): row[2]
        for row in answer.rows.rows
        if row[1]
    }
    assert all(value == (truth[name] != THERE) for name, value in answered.items())
    assert not set(answered) & hidden
    left_out = set(truth) - set(answered)
    silent = [dict(labels) for labels in answer.silent]
    assert all(
        {"table": name.table} in silent or _labels(name) in silent for name in left_out
    )
    assert bool(answer.refusals) == bool(hidden)


def _labels(name: ColumnName) -> dict[str, str]:
    return {"table": name.table, "column": name.column}


@given(TRUTHS, LIES)
def test_an_account_that_sees_something_is_shown_something(
    truth: Mapping[ColumnName, object], lies: Sequence[frozenset[ColumnName]]
) -> None:
    if set(truth.values()) & {HIDDEN, TABLE_HIDDEN}:
        truth = {
            name: THERE if state in (HIDDEN, TABLE_HIDDEN) else state
            for name, state in truth.items()
        }
    Server(truth, lies).check()


@given(TRUTHS)
def test_an_information_schema_that_does_not_lie_is_reported_in_full(
    truth: Mapping[ColumnName, object],
) -> None:
    server = Server(truth)
    if set(truth.values()) <= {HIDDEN, TABLE_HIDDEN}:
        with pytest.raises(QueryError):
            server.check()
        return
    answer = server.check()
    answered = {
        ColumnName(str(row[0]), str(row[1])) for row in answer.rows.rows if row[1]
    }
    assert answered == {
        name for name, state in truth.items() if state not in (HIDDEN, TABLE_HIDDEN)
    }
    assert server.looks <= 2


def test_all_well_takes_one_look_and_no_touch() -> None:
    server = Server(dict.fromkeys(EXPECTED, THERE))
    assert server.check().missing == frozenset()
    assert (server.looks, server.touches) == (1, [])


def test_a_lie_at_every_look_leaves_the_table_out_and_calls_nothing_missing() -> None:
    server = Server(
        dict.fromkeys(EXPECTED, THERE), [frozenset(EXPECTED[:2])] * MAX_LOOKS
    )
    answer = server.check()
    assert answer.missing == frozenset()
    assert answer.silent == ((("table", "users"),),)
    assert {row[0] for row in answer.rows.rows} == {"plans"}


def test_what_is_beyond_the_touches_of_a_run_is_unknown_and_not_missing() -> None:
    many = {ColumnName("users", f"c{number:03}"): GONE for number in range(300)}
    server = Server({**many, ColumnName("users", "id"): THERE})
    answer = server.check()
    assert len(answer.missing) + 1 == MAX_TOUCHES
    assert answer.missing | answer.unknown == set(many)
    assert len(answer.silent) == len(answer.unknown)


@pytest.mark.parametrize(
    "reason", [Reason.LOCK_WAIT, Reason.TIMEOUT, Reason.QUERY_ERROR]
)
def test_a_touch_that_fails_otherwise_fails_the_run(reason: Reason) -> None:
    server = Server({**dict.fromkeys(EXPECTED, THERE), EXPECTED[0]: GONE})
    with pytest.raises(QueryError) as caught:
        check_schema(QUERY, server.look, _failing(reason))
    assert caught.value.reason is reason


def _failing(reason: Reason) -> Callable[[str], None]:
    def touch(_: str) -> None:
        raise QueryError(reason, "broken")

    return touch
