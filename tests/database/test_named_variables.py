"""Session variables that the operator states: each takes on both servers, and what does not take is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from monitor.config.session import session_fault
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.errors import QueryError, Reason
from monitor.model.session_settings import SETTABLE_VARIABLES, SessionValue
from tests.database.conftest import Databases
from tests.database.targets import fetch, target_for

VALUES: Mapping[str, SessionValue] = {
    "group_concat_max_len": 2_097_152,
    "div_precision_increment": 9,
    "max_sort_length": 2048,
    "default_week_format": 3,
    "lc_time_names": "de_DE",
    "cte_max_recursion_depth": 5000,
    "max_recursive_iterations": 5000,
    "join_buffer_size": 1_048_576,
    "sort_buffer_size": 1_048_576,
    "read_rnd_buffer_size": 1_048_576,
    "tmp_table_size": 33_554_432,
    "max_heap_table_size": 33_554_432,
    "optimizer_search_depth": 10,
    "optimizer_prune_level": 0,
    "eq_range_index_dive_limit": 77,
    "optimizer_switch": "mrr=on,index_merge=off",
}
OF_OTHERS = {
    True: {"cte_max_recursion_depth"},
    False: {"max_recursive_iterations"},
}
"""What MariaDB (True) or MySQL (False) does not know."""


def test_each_variable_that_may_be_stated_takes_and_no_other_is_touched(
    databases: Databases, server: PrivateServer
) -> None:
    assert VALUES.keys() == SETTABLE_VARIABLES.keys()
    assert {name: session_fault(name, value) for name, value in VALUES.items()} == (
        dict.fromkeys(VALUES)
    )
    database = databases.open(replace(target_for(server), session=VALUES))
    with database.lease(deadline_seconds=20) as session:
        assert session.server.altered == ()
        unknown = OF_OTHERS[isinstance(server, PrivateMariaDB)]
        assert set(session.server.unstated) == unknown
        for name in VALUES.keys() - unknown - {"optimizer_switch"}:
            ((found,),) = session.connection.execute(f"SELECT @@SESSION.{name}")
            assert str(found) == str(VALUES[name]), name
        ((switches,),) = session.connection.execute("SELECT @@optimizer_switch")
        assert {"mrr=on", "index_merge=off"} <= set(str(switches).split(","))


def test_what_it_means_is_seen_in_the_answers(
    databases: Databases, server: PrivateServer
) -> None:
    named: Mapping[str, SessionValue] = {
        "div_precision_increment": 8,
        "lc_time_names": "de_DE",
    }
    database = databases.open(replace(target_for(server), session=named))
    rows = fetch(database, "SELECT 1 / 3 AS third, MONTHNAME('2026-05-01') AS month")
    assert [tuple(map(str, row)) for row in rows.rows] == [("0.33333333", "Mai")]


def test_a_word_that_the_server_does_not_know_is_no_answer_of_another_word(
    databases: Databases, server: PrivateServer
) -> None:
    named = {"lc_time_names": "xx_XX"}
    database = databases.open(replace(target_for(server), session=named))
    with pytest.raises(QueryError) as caught:
        fetch(database, "SELECT 1 AS one")
    assert caught.value.reason is Reason.BAD_RESULT
    assert "lc_time_names is 'en_US', not 'xx_XX'" in caught.value.message


def test_a_switch_that_the_server_does_not_know_is_told_and_changes_nothing(
    databases: Databases, server: PrivateServer
) -> None:
    named = {"optimizer_switch": "no_such_switch=on"}
    database = databases.open(replace(target_for(server), session=named))
    with database.lease(deadline_seconds=20) as session:
        assert session.server.unstated == ("optimizer_switch",)
    assert fetch(database, "SELECT 1 AS one").rows == ((1,),)
