"""Parameters: which layer decides, what a target has of its own, what a schema query is given."""

from __future__ import annotations

import json

from monitor.model.settings import (
    ColumnName,
    SchemaColumns,
)
from tests.config.folder import (
    BALANCES,
    BALANCES_SQL,
    MISSING,
    TARGET,
    Folder,
    query_of,
)


def test_a_parameter_is_decided_by_the_nearest_to_the_target(folder: Folder) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    other = TARGET.replace("main", "other")
    layers = [
        "[parameters]\nlow_balance = 1\n",
        "[queries.balances.parameters]\nlow_balance = 2\n",
    ]
    own = "[targets.main.parameters]\nlow_balance = 3\n"

    def values(text: str) -> tuple[object, object]:
        config = folder.load(text)
        return tuple(
            query_of(config, target=name).parameters["low_balance"]
            for name in ("main", "other")
        )  # type: ignore[return-value]  # two names, two values

    assert values(TARGET + other) == (1000, 1000)
    assert values(layers[0] + TARGET + other) == (1, 1)
    assert values(layers[0] + layers[1] + TARGET + other) == (2, 2)
    assert values(layers[0] + layers[1] + TARGET + own + other) == (3, 2)


def test_an_integer_is_taken_for_a_float_parameter(folder: Folder) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    value = query_of(folder.load("[parameters]\nshare = 1\n" + TARGET)).parameters[
        "share"
    ]
    assert (value, type(value)) == (1.0, float)


def test_each_target_has_its_own_table_names_and_equal_ones_share_the_query(
    folder: Folder,
) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    folder.query(
        "missing",
        MISSING,
        "SELECT :needs AS table_name, 1 AS column_name, 0 AS is_missing\n",
    )
    config = folder.load(
        TARGET
        + TARGET.replace("main", "twin")
        + TARGET.replace("main", "other")
        + '[targets.other.parameters]\nusers = "people"\n'
    )
    assert [job.key for job in config.jobs] == [
        (target, query)
        for target in ("main", "twin", "other")
        for query in ("missing", "balances")
    ]
    other = query_of(config, target="other")
    assert other.statement.text.endswith("FROM `people` GROUP BY plan\n")
    assert other.needs == (ColumnName("people", "tokens_remaining"),)
    assert other.rules[0].evidence is not None
    assert "FROM `people` WHERE" in other.rules[0].evidence.text
    for name in ("balances", "missing"):
        assert query_of(config, name) is query_of(config, name, "twin")
        assert query_of(config, name) is not query_of(config, name, "other")


def test_a_schema_query_is_given_every_needed_column_of_its_target(
    folder: Folder,
) -> None:
    folder.query(
        "missing",
        MISSING,
        "SELECT :needs AS table_name, 1 AS column_name, 0 AS is_missing\n",
    )
    folder.query(
        "balances",
        BALANCES.replace('needs = ["', 'needs = ["a.z", "a.z", "') + 'needs = ["a.b"]',
        BALANCES_SQL,
    )
    folder.query("off", 'summary = "x"\nneeds = ["off.off"]\nenabled = false\n')
    folder.query("elsewhere", 'summary = "x"\nneeds = ["else.where"]\n')
    config = folder.load(TARGET + 'except = ["else*"]\n')
    query = query_of(config, "missing")
    assert query.schema == SchemaColumns("table_name", "column_name", "is_missing")
    assert query.statement.parameters == ("needs",)
    assert json.loads(str(query.parameters["needs"])) == [
        {"table": "a", "column": "b", "queries": "balances"},
        {"table": "a", "column": "z", "queries": "balances"},
        {"table": "users", "column": "tokens_remaining", "queries": "balances"},
    ]
    assert query_of(config).rules[0].needs == (ColumnName("a", "b"),)
    silent = folder.load(
        TARGET + 'except = ["else*"]\n[rules.TokenBalancesLow]\nenabled = false\n'
    )
    assert "b" not in [
        need["column"]
        for need in json.loads(str(query_of(silent, "missing").parameters["needs"]))
    ]
