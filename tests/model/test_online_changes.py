"""Which tables and triggers are those of a tool that changes a table, by their names alone."""

from __future__ import annotations

import pytest

from monitor.model.online_changes import (
    is_of_online_change,
    is_online_change_table,
    is_online_change_trigger,
)
from monitor.model.settings import labels_of


@pytest.mark.parametrize(
    "name",
    [
        "_users_gho",
        "_users_ghc",
        "_users_del",
        "_users_20260102030405_del",
        "_users_new",
        "_users_old",
        "___user_subscriptions_new",
        "_USERS_GHO",
    ],
)
def test_what_gh_ost_and_pt_online_schema_change_make_is_theirs(name: str) -> None:
    assert is_online_change_table(name)


@pytest.mark.parametrize(
    "name", ["users", "users_new", "users_old", "_users", "_new", "_gho_users", ""]
)
def test_what_others_name_so_nearly_is_not(name: str) -> None:
    assert not is_online_change_table(name)


def test_a_trigger_is_known_by_its_beginning() -> None:
    assert is_online_change_trigger("pt_osc_app_users_ins")
    assert not is_online_change_trigger("users_pt_osc_ins")


def test_a_sample_is_of_them_by_its_labels_table_and_trigger_alone() -> None:
    assert is_of_online_change(labels_of({"table": "_users_gho", "column": "id"}))
    assert is_of_online_change(labels_of({"trigger": "pt_osc_app_users_del"}))
    assert not is_of_online_change(labels_of({"plan": "_users_gho"}))
