"""The application's statements against a database that has what it has, and an information_schema that may lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.contract_check import ContractAnswer, check_contract
from monitor.collector.schema_look import MAX_LOOKS, MAX_TOUCHES
from monitor.model.application import (
    HOLE,
    ApplicationSql,
    ColumnUse,
    Contract,
    PlacedChange,
    ReadStatement,
    SchemaChange,
    SqlPlace,
    UnreadStatement,
    Uses,
)
from monitor.model.errors import QueryError, Reason
from monitor.model.results import Cell, Rows
from monitor.model.settings import ColumnName

THERE, GONE, DENIED = "there", "gone", "denied"
CONTRACT = Contract("t", "c", "k", "f")


def statement(line: int, *columns: str, tables: Sequence[str] = ()) -> ReadStatement:
    """Return one that names these columns, `table.column`, or of one of two tables `table|table.column`."""
    uses = []
    named = list(tables)
    for column in columns:
        table, _, name = column.partition(".")
        uses.append(ColumnUse(tuple(table.split("|")), name))
        named += table.split("|")
    return ReadStatement(
        SqlPlace("src/a.ts", line, "SELECT …"),
        Uses(tuple(dict.fromkeys(named)), tuple(uses)),
    )


def contract(*statements: ReadStatement) -> Contract:
    return replace(CONTRACT, application=ApplicationSql(statements))


class Server:
    """Columns as they are, and those that information_schema does not show, look after look."""

    def __init__(
        self,
        truth: Mapping[str, str],
        lies: Sequence[frozenset[str]] = (),
        folded: int = 0,
    ) -> None:
        self.truth = truth
        self.lies = lies
        self.folded = folded
        self.looks = 0
        self.touches: list[str] = []

    def look(self) -> Rows:
        hidden = self.lies[self.looks] if self.looks < len(self.lies) else frozenset()
        self.looks += 1
        rows: list[tuple[Cell, ...]] = [
            (*name.split("."), "int", self.folded)
            for name, state in self.truth.items()
            if state == THERE and name not in hidden
        ]
        return Rows(("t", "c", "k", "f"), tuple(rows))

    def touch(self, sql: str) -> None:
        self.touches.append(sql)
        match = re.fullmatch(r"SELECT (1|`(.+)`) FROM `(.+)` LIMIT 0", sql)
        assert match is not None
        column, table = match[2], match[3]
        states = {
            name.partition(".")[2]: state
            for name, state in self.truth.items()
            if name.partition(".")[0] == table
        }
        if DENIED in states.values() and column is None:
            raise QueryError(Reason.ACCESS_DENIED, f"denied on {table}", code=1142)
        state = states.get(column, GONE) if column else THERE if states else GONE
        if state == DENIED:
            raise QueryError(Reason.ACCESS_DENIED, f"denied {column}", code=1143)
        if state == GONE:
            raise QueryError(Reason.SCHEMA_MISSING, "gone", code=1054)


def check(promised: Contract, server: Server) -> ContractAnswer:
    return check_contract(promised, server.look, server.touch)


def rows_of(answer: ContractAnswer) -> list[dict[str, Any]]:
    names = answer.rows.columns
    return [dict(zip(names, row, strict=True)) for row in answer.rows.rows]


def findings(answer: ContractAnswer) -> list[str]:
    """Return what an alert would say of each: what is missing, and where it is named."""
    rows = rows_of(answer)
    return [
        f"{row['subject']} [{row['table']}|{row['column']}] {row['needed_by']}{row['renamed']}"
        for row in rows
        if row["finding"] == 1
    ]


def counts(answer: ContractAnswer) -> dict[str, object]:
    rows = rows_of(answer)
    return {
        str(row["state"]): row["names"]
        if row["statements"] is None
        else row["statements"]
        for row in rows
        if row["state"]
    }


WELL = {"users.id": THERE, "users.tokens": THERE, "plans.id": THERE}


def test_what_is_there_is_counted_and_nothing_is_told() -> None:
    server = Server(WELL)
    answer = check(contract(statement(1, "users.id", "users.tokens")), server)
    assert findings(answer) == []
    assert counts(answer) == {
        "present": 3,
        "missing": 0,
        "unknown": 0,
        "judged": 1,
        "doubtful": 0,
        "unread": 0,
    }
    assert (server.looks, server.touches) == (1, [])


def test_a_missing_column_is_told_with_every_statement_that_names_it() -> None:
    statements = [statement(line, "users.balance") for line in (3, 9, 12, 40, 77)]
    answer = check(contract(*statements), Server({**WELL, "users.balances": THERE}))
    assert findings(answer) == [
        "column users.balance [users|balance] src/a.ts:3, src/a.ts:9, src/a.ts:12 and 2 more"
        " Was it renamed? There is balances."
    ]
    assert counts(answer)["missing"] == 1


def test_a_missing_table_is_one_finding_and_is_seen_twice_before_it_is_told() -> None:
    server = Server(WELL)
    answer = check(contract(statement(1, "orders.id", "orders.total")), server)
    assert findings(answer) == ["table orders [orders|] src/a.ts:1"]
    assert server.looks == 2
    renamed = Server({**WELL, "orders.id": THERE}, lies=[frozenset({"orders.id"})])
    assert findings(check(contract(statement(1, "orders.id")), renamed)) == []


def test_a_name_without_a_table_is_missing_only_if_no_table_has_it() -> None:
    told = check(contract(statement(1, "users|plans.title")), Server(WELL))
    assert findings(told) == [
        "column users or plans.title [users or plans|title] src/a.ts:1"
    ]
    server = Server({**WELL, "plans.title": THERE})
    assert findings(check(contract(statement(1, "users|plans.title")), server)) == []


def test_what_the_account_may_not_see_is_unknown_and_its_alert_is_held() -> None:
    server = Server({**WELL, "users.secret": DENIED})
    answer = check(contract(statement(1, "users.secret", "users.gone")), server)
    assert findings(answer) == ["column users.gone [users|gone] src/a.ts:1"]
    assert answer.silent == ((("column", "secret"), ("table", "users")),)
    assert [failure.code for failure in answer.refusals] == [1143]
    assert counts(answer)["unknown"] == 1


def test_where_nothing_at_all_may_be_seen_the_run_is_denied() -> None:
    server = Server({"users.id": DENIED})
    with pytest.raises(QueryError) as caught:
        check(contract(statement(1, "users.id")), server)
    assert caught.value.reason is Reason.ACCESS_DENIED


def test_what_a_schema_query_tells_of_is_counted_and_not_told_twice() -> None:
    promised = replace(
        contract(
            statement(1, "users.Balance", "users.other"), statement(2, "orders.id")
        ),
        elsewhere=frozenset(
            {ColumnName("users", "balance"), ColumnName("orders", "n")}
        ),
    )
    answer = check(promised, Server(WELL))
    assert findings(answer) == ["column users.other [users|other] src/a.ts:1"]
    assert counts(answer)["missing"] == 3


def test_what_is_ignored_does_not_count() -> None:
    promised = replace(
        contract(statement(1, "users.legacy"), statement(2, tables=["old_logs"])),
        ignored=("old_*", "users.legacy"),
    )
    assert findings(check(promised, Server(WELL))) == []


def test_a_table_whose_name_is_known_in_part_is_any_that_fits() -> None:
    name = f"archive_{HOLE}"
    server = Server({**WELL, "archive_2026.id": THERE})
    promised = contract(statement(1, f"{name}.id", f"{name}.gone"))
    assert findings(check(promised, server)) == [
        "column archive_….gone [archive_…|gone] src/a.ts:1"
    ]


def test_a_server_that_folds_names_finds_tables_in_any_letters() -> None:
    promised = contract(statement(1, "Users.ID"))
    assert findings(check(promised, Server(WELL, folded=1))) == []
    assert findings(check(promised, Server(WELL))) == [
        "table Users [Users|] src/a.ts:1"
    ]


def test_an_english_sentence_with_an_unknown_table_is_doubtful_and_wakes_nobody() -> (
    None
):
    doubtful = replace(statement(1, tables=["list"]), is_certain=False)
    answer = check(contract(doubtful), Server(WELL))
    assert findings(answer) == []
    assert (counts(answer)["doubtful"], counts(answer)["judged"]) == (1, 0)


def test_the_repair_is_the_migration_that_adds_it() -> None:
    place = SqlPlace("migrations/7.sql", 2, "ALTER TABLE …")
    application = ApplicationSql(
        statements=(statement(1, "users.balance"),),
        changes=(PlacedChange(place, SchemaChange("users", "balance", "INT NULL")),),
        unread=(UnreadStatement(SqlPlace("b.ts", 1, "SELECT"), "?"),),
    )
    answer = check(replace(CONTRACT, application=application), Server(WELL))
    (row,) = [row for row in answer.rows.rows if row[2] == 1]
    assert row[-1] == (
        "migrations/7.sql:2 adds it: was it run? ALTER TABLE `users` ADD COLUMN `balance` INT NULL;"
    )
    assert counts(answer)["unread"] == 1


def test_an_application_that_nobody_could_read_is_no_data_and_not_all_well() -> None:
    server = Server(WELL)
    with pytest.raises(QueryError, match="no such folder") as caught:
        check(replace(CONTRACT, fault="app: no such folder"), server)
    assert (caught.value.reason, server.looks) == (Reason.BAD_RESULT, 0)


def test_beyond_what_one_run_touches_a_column_is_unknown() -> None:
    names = [f"users.c{number}" for number in range(MAX_TOUCHES + 5)]
    answer = check(contract(statement(1, *names)), Server(WELL))
    assert (counts(answer)["missing"], counts(answer)["unknown"]) == (MAX_TOUCHES, 5)
    assert len(answer.silent) == 5


NAMES = tuple(f"{table}.{column}" for table in ("users", "plans") for column in "abc")
truths = st.fixed_dictionaries(
    {name: st.sampled_from((THERE, GONE, DENIED)) for name in NAMES}
)
looks = st.lists(st.frozensets(st.sampled_from(NAMES)), max_size=MAX_LOOKS + 1)


@given(truths, looks, st.sets(st.sampled_from(NAMES), min_size=1))
def test_nothing_is_told_that_is_there_or_that_may_not_be_seen(
    truth: dict[str, str], lies: list[frozenset[str]], named: set[str]
) -> None:
    """Whatever information_schema hides: what is told is gone, and what is gone is told or said to be unknown."""
    server = Server(truth, lies)
    denied = None
    try:
        answer = check(contract(statement(1, *sorted(named))), server)
    except QueryError as error:
        denied = error.reason
    if denied is not None:
        assert denied is Reason.ACCESS_DENIED
        assert DENIED in truth.values()
        return
    told = set()
    for finding in findings(answer):
        table, _, column = finding.partition("[")[2].partition("]")[0].partition("|")
        told.add((table, column))
    silent = [dict(labels) for labels in answer.silent]
    for table, column in told:
        states = {
            truth[name]
            for name in NAMES
            if name == f"{table}.{column}" or (not column and name.startswith(table))
        }
        assert states == {GONE}
    for name in named:
        table, _, column = name.partition(".")
        is_said = (table, column) in told or (table, "") in told
        is_open = any(
            one["table"] == table and one.get("column", column) == column
            for one in silent
        )
        if truth[name] == GONE:
            assert is_said or is_open
    assert server.looks <= MAX_LOOKS
