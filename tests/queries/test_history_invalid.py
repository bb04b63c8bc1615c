"""Rows of the history that cannot be true: each is judged once, by kind, and an emptied history is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.queries.conftest import Bench
from tests.queries.test_cursor import Reader, bench, history, insert

__all__ = ["bench", "history"]

KINDS = (
    "null_tokens",
    "zero_tokens",
    "negative_tokens",
    "null_time",
    "future_time",
    "late_time",
    "unknown_action",
    "unknown_user",
)
RECENT = "token_usage_invalid_recent_rows"
TOTAL = "token_usage_invalid_rows_total"


@pytest.fixture
def judged(history: Bench) -> Reader:
    history.execute("DROP TABLE IF EXISTS users")
    history.execute("CREATE TABLE users (id INT PRIMARY KEY)")
    history.execute("INSERT INTO users VALUES (1), (2)")
    return Reader(history.queries["history_invalid"], history.session).run()


def of_kinds(reader: Reader, metric: str) -> Mapping[str, float]:
    """Return what is not 0, by kind."""
    series = reader.series(metric)
    assert {kind for (kind,) in series} == set(KINDS)
    return {kind: value for (kind,), value in series.items() if value}


WRONG: Mapping[str, dict[str, object]] = {
    "null_tokens": {"tokens": "NULL"},
    "zero_tokens": {"tokens": "0"},
    "negative_tokens": {"tokens": "-5"},
    "null_time": {"at": "NULL"},
    "future_time": {"at": "UTC_TIMESTAMP() + INTERVAL 2 HOUR"},
    "late_time": {"at": "UTC_TIMESTAMP() - INTERVAL 3 HOUR"},
    "unknown_user": {"user": 77},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_in_the_window_at_once_and_counts_once(
    history: Bench, judged: Reader, kind: str
) -> None:
    right = ("seo_title", "AI Rewrite", "write-more", "rewrite")
    insert(history, *right)
    if kind == "unknown_action":
        insert(history, "seo_title_v2", "seo_title_v2", "seo_title_v2")
    else:
        insert(history, *["seo_title"] * 3, **WRONG[kind])  # type: ignore[arg-type]
    judged.run()
    assert of_kinds(judged, RECENT) == {kind: 3}
    assert of_kinds(judged, TOTAL) == {}
    for _ in range(3):
        judged.run()
        assert of_kinds(judged, RECENT) == of_kinds(judged, TOTAL) == {kind: 3}
    assert judged.value("token_usage_judged_recent_rows") == 7


def test_the_alert_has_rows_of_its_kind_as_evidence(
    history: Bench, judged: Reader
) -> None:
    insert(history, "seo_title")
    insert(history, *["seo_title"] * 3, tokens="-5", user=2)
    found = judged.run().found
    assert found is not None
    assert found.success.evidence_errors == ()
    (rows,) = found.success.evidence.values()
    assert list(found.success.evidence) == [
        ("TokenHistoryInvalid", (("kind", "negative_tokens"),))
    ]
    assert [(row["user_id"], row["tokens_used"]) for row in rows] == [(2, -5)] * 3


def test_the_window_is_of_when_a_row_came_also_over_a_restart(
    history: Bench, judged: Reader
) -> None:
    insert(history, "seo_title", at="NULL")
    judged.run().run().run(660).restart()  # the memory is kept every ten minutes
    assert of_kinds(judged.run(), RECENT) == {"null_time": 1}
    # the clock of the test moves, that of the server does not: the hour passes on the server
    at = "UNIX_TIMESTAMP() + 3700"
    judged.session.connection.execute(f"SET SESSION timestamp = {at}")
    assert of_kinds(judged.run(), RECENT) == {}
    assert of_kinds(judged, TOTAL) == {"null_time": 1}
    judged.session.connection.execute("SET SESSION timestamp = DEFAULT")


def test_the_window_goes_on_over_a_reload_with_another_parameter(
    history: Bench, judged: Reader
) -> None:
    insert(history, "seo_title", tokens="0")
    insert(history, "seo_title_v2")
    assert of_kinds(judged.run().run(), RECENT) == {
        "zero_tokens": 1,
        "unknown_action": 1,
    }
    parameters = {**judged.query.parameters, "known_actions": "seo_title, seo_title_v2"}
    judged.query = replace(judged.query, parameters=parameters)
    found = {"zero_tokens": 1, "unknown_action": 1}
    assert of_kinds(judged.run(), RECENT) == found
    insert(history, "seo_title", "seo_title_v2", tokens="0")
    found["zero_tokens"] = 3
    assert of_kinds(judged.run(), RECENT) == found
    judged.run(660).restart()  # the memory is kept every ten minutes
    assert of_kinds(judged.run(), RECENT) == of_kinds(judged, TOTAL) == found


def test_the_window_goes_on_where_the_newest_row_is_deleted(
    history: Bench, judged: Reader
) -> None:
    insert(history, "seo_title", tokens="0")
    insert(history, "seo_title")
    judged.run().run()
    history.execute("DELETE FROM token_usage_history WHERE id = 2")
    for _ in range(3):
        assert of_kinds(judged.run(), RECENT) == {"zero_tokens": 1}
    assert of_kinds(judged, TOTAL) == {"zero_tokens": 1}


def test_what_was_emptied_is_told_on_where_the_newest_row_is_deleted(
    history: Bench, judged: Reader
) -> None:
    insert(history, *["seo_title"] * 50)
    judged.run().run()
    history.execute("TRUNCATE TABLE token_usage_history")
    insert(history, *["seo_title"] * 9)
    judged.run().run()
    history.execute("DELETE FROM token_usage_history WHERE id = 9")
    for _ in range(3):
        assert judged.run().value(EMPTIED) == 1


def test_what_was_there_before_the_first_start_is_not_judged(history: Bench) -> None:
    history.execute("DROP TABLE IF EXISTS users")
    history.execute("CREATE TABLE users (id INT PRIMARY KEY)")
    insert(history, "seo_title", at="NULL", tokens="NULL")
    reader = Reader(history.queries["history_invalid"], history.session)
    for _ in range(3):
        assert of_kinds(reader.run(), RECENT) == {}


def test_rows_that_came_while_the_monitor_was_down_are_not_late(
    history: Bench, judged: Reader
) -> None:
    judged.run()
    insert(history, "seo_title", at="UTC_TIMESTAMP() - INTERVAL 3 HOUR")
    judged.run(6 * 3600)
    assert of_kinds(judged, RECENT) == {}


def test_no_list_of_actions_allows_all(history: Bench, judged: Reader) -> None:
    query = history.queries["history_invalid"]
    parameters = {**query.parameters, "known_actions": ""}
    judged.query = replace(query, parameters=parameters)
    insert(history, "anything", "")
    assert of_kinds(judged.run(), RECENT) == {}


@pytest.mark.parametrize(
    "known",
    ["seo-title,AI Rewrite", " AI rewrite , SEO-Title ", "ai_rewrite,seo_title"],
)
def test_actions_may_be_listed_as_the_column_has_them(
    history: Bench, judged: Reader, known: str
) -> None:
    reader = _with(history, judged, known_actions=known)
    insert(history, "seo-title", "AI Rewrite", "seo_title", "ai-rewrite")
    assert of_kinds(reader.run(), RECENT) == {}
    insert(history, *["seo title v2"] * 3)
    assert of_kinds(reader.run(), RECENT) == {"unknown_action": 3}
    assert _evidence_of(reader) == {"seo title v2"}


def _with(history: Bench, judged: Reader, **parameters: str) -> Reader:
    """Return a reader with parameters of its own that has looked once."""
    query = judged.query
    changed = replace(query, parameters={**query.parameters, **parameters})
    return Reader(changed, history.session).run()


def _evidence_of(reader: Reader) -> set[object]:
    """Return the actions of the rows that are shown as examples."""
    assert reader.found is not None
    assert reader.found.success.evidence_errors == ()
    (rows,) = reader.found.success.evidence.values()
    return {row["usage_action"] for row in rows}


def test_rows_that_are_in_order_are_no_evidence_of_late_ones(
    history: Bench, judged: Reader
) -> None:
    for hours in (5, 4, 3, 2):
        insert(history, "rewrite", at=f"UTC_TIMESTAMP() - INTERVAL {hours} HOUR")
    insert(history, "rewrite")
    reader = _with(history, judged)
    insert(history, *["seo_title"] * 3, at="UTC_TIMESTAMP() - INTERVAL 3 HOUR")
    assert of_kinds(reader.run(), RECENT) == {"late_time": 3}
    assert _evidence_of(reader) == {"seo_title"}


@pytest.mark.parametrize("zone", ["+07:00", "-05:00"])
def test_what_is_evidence_of_a_wrong_time_goes_by_the_zone_too(
    history: Bench, judged: Reader, zone: str
) -> None:
    reader = _with(history, judged, history_time_zone=zone)
    there = f"UTC_TIMESTAMP() + INTERVAL {int(zone[:3])} HOUR"
    insert(history, *["rewrite"] * 3, at=there)
    insert(history, *["seo_title"] * 3, at=f"{there} + INTERVAL 2 HOUR")
    assert of_kinds(reader.run(), RECENT) == {"future_time": 3}
    assert _evidence_of(reader) == {"seo_title"}


def test_where_all_come_late_all_are_evidence(history: Bench, judged: Reader) -> None:
    insert(history, *["rewrite"] * 3, at="UTC_TIMESTAMP() - INTERVAL 3 HOUR")
    assert of_kinds(judged.run(), RECENT) == {"late_time": 3}
    assert _evidence_of(judged) == {"rewrite"}


EMPTIED = "token_usage_history_emptied"


@pytest.mark.parametrize("how", ["TRUNCATE TABLE", "DELETE FROM"])
@pytest.mark.parametrize("goes_on", [True, False])
def test_an_emptied_history_is_told_for_an_hour_also_where_writing_goes_on(
    history: Bench, judged: Reader, how: str, goes_on: bool
) -> None:
    insert(history, *["seo_title"] * 50)
    judged.run().run()
    assert judged.value(EMPTIED) == 0
    history.execute(f"{how} token_usage_history")
    if goes_on:
        insert(history, "seo_title")
    assert judged.run().value(EMPTIED) > 0
    insert(history, "seo_title")
    assert judged.run().run().value(EMPTIED) > 0


def test_a_purge_of_old_rows_and_of_the_newest_one_empties_nothing(
    history: Bench, judged: Reader
) -> None:
    insert(history, *["seo_title"] * 50)
    judged.run().run()
    history.execute("DELETE FROM token_usage_history WHERE id < 45")
    assert judged.run().value(EMPTIED) == 0
    history.execute("DELETE FROM token_usage_history WHERE id = 50")
    assert judged.run().value(EMPTIED) == 0


def test_without_an_ascending_number_the_last_hour_is_judged_by_its_time(
    history: Bench,
) -> None:
    history.execute("DROP TABLE IF EXISTS users")
    history.execute("CREATE TABLE users (id INT PRIMARY KEY)")
    history.execute("INSERT INTO users VALUES (1)")
    history.execute("ALTER TABLE token_usage_history RENAME COLUMN id TO nr")
    insert(history, "seo_title", tokens="0", at="UTC_TIMESTAMP() - INTERVAL 2 HOUR")
    insert(history, "seo_title", tokens="0")
    insert(history, "seo_title", user=9)
    reader = Reader(history.queries["history_invalid"], history.session).run()
    found = {kind: value for (kind,), value in reader.series(RECENT).items() if value}
    assert found == {"zero_tokens": 1, "unknown_user": 1}
