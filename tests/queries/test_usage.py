"""Usage: windows, the last event, rows from the future, zones, and the last rows for a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.errors import SampleError
from monitor.model.settings import Query
from monitor.model.walks import Cursor
from tests.database.targets import wait_until
from tests.queries import oracle
from tests.queries.conftest import Bench
from tests.queries.strategies import EXAMPLES, contents
from tests.queries.tokens import NOW, Data, Subscription, Usage, User, replace_rows


@EXAMPLES
@given(data=contents(), hours=st.sampled_from([-8, 0, 2]))
def test_the_usage_queries_agree_with_the_history(
    tokens: Bench, data: Data, hours: int
) -> None:
    # From 1, or one look would not reach the beginning, and say nothing of a day.
    replace_rows(tokens.connection, Data())
    tokens.execute("ALTER TABLE token_usage_history AUTO_INCREMENT = 1")
    replace_rows(tokens.connection, data, zone=timedelta(hours=hours))
    zone = f"{hours:+03d}:00"

    assert tokens.series("recent_usage", history_time_zone=zone) == oracle.recent_usage(
        data.usages
    )
    forward = tokens.series_of(
        reading_forward(tokens, "recent_usage"), history_time_zone=zone
    )
    by_hand = oracle.recent_usage(data.usages)
    for metric in oracle.WINDOW_METRICS:
        assert forward.get(metric, {}) == by_hand.get(metric, {})
    assert tokens.series("last_usage", history_time_zone=zone) == oracle.last_usage(
        data.usages, NOW.timestamp()
    )
    unsubscribed = oracle.unsubscribed_users(data)
    name = "usage_without_subscription"
    assert tokens.series(name, history_time_zone=zone) == unsubscribed
    forward = tokens.series_of(reading_forward(tokens, name), history_time_zone=zone)
    assert forward == unsubscribed


def test_of_two_plans_with_the_same_limit_the_lower_name_is_the_plan_that_uses(
    tokens: Bench,
) -> None:
    users = [User(1, 500), User(2, 500)]
    plans = [
        Subscription(1, 900, "team"),
        Subscription(1, 900, " Pro"),
        Subscription(2, 900, "pro"),
        Subscription(2, 900, "team"),
        Subscription(2, None, "basic"),
    ]
    usages = [Usage(user, 5, "rewrite", 60) for user in (1, 2)]
    replace_rows(tokens.connection, Data(users, plans, usages))
    found = tokens.series_of(reading_forward(tokens, "usage_by_plan"))
    assert found["token_usage_plan_events"] == {("pro",): 2.0}


def reading_forward(tokens: Bench, name: str) -> Query:
    """Return a query with a cursor by the number that the history of these tests has in place of an id."""
    query = tokens.queries[name]
    assert isinstance(query.walk, Cursor)
    text = query.statement.text.replace("h.`id`", "h.`nr`")
    return replace(
        query,
        statement=replace(query.statement, text=text),
        walk=replace(query.walk, column="nr"),
    )


@EXAMPLES
@given(data=contents())
def test_the_last_rows_are_those_of_the_documented_query(
    tokens: Bench, data: Data
) -> None:
    twice = Data(data.users, data.subscriptions, [*data.usages, *data.usages])
    replace_rows(tokens.connection, twice)
    with tokens.connection.cursor() as cursor:
        cursor.execute(oracle.RECENT_USAGE)
        documented = [row[4] for row in cursor.fetchall()]

    rows = tokens.answer("last_rows").rows

    assert rows.columns == (
        "user_id",
        "user_exists",
        "action",
        "tokens_used",
        "created_at",
    )
    assert len(rows.rows) == min(20, len(twice.usages))
    known = [row[4] for row in rows.rows if row[1]]
    assert known == documented[: len(known)]


def test_stopped_usage_shows_how_long_since_when_and_the_last_rows(
    tokens: Bench,
) -> None:
    replace_rows(
        tokens.connection,
        Data([User(1, 5)], [], [Usage(1, 300, "seo_title", 2 * 3600 + 59)]),
    )

    (sample,) = tokens.samples("last_usage", "token_usage_silence_seconds")
    evidence = tokens.answer("last_usage").success.evidence

    assert (sample.labels, sample.value) == ((), 7259)
    details = dict(sample.details)
    assert details["last_event_text"] == "2026-03-10 10:29:01 UTC"
    assert details["found_text"].startswith(" The table itself was last changed at 20")
    assert evidence["TokenUsageStopped", ()] == (
        {
            "user_id": 1,
            "usage_action": "seo_title",
            "tokens_used": 300,
            "created_at": "2026-03-10T10:29:01",
        },
    )


def test_a_silence_says_what_else_the_table_has_that_may_be_use(tokens: Bench) -> None:
    ages = (601, 7200, -3600, -90 * 86400)
    usages = [Usage(1, 300, "seo_title", age) for age in ages]
    replace_rows(tokens.connection, Data([], [], usages))
    tokens.execute(
        *["INSERT INTO token_usage_history (tokens_used) VALUES (1)"] * 3,
    )

    (sample,) = tokens.samples("last_usage", "token_usage_silence_seconds")

    text = dict(sample.details)["found_text"]
    assert text.startswith(
        " Beside it 3 rows have no time. Beside it 2 rows have a time that is still to come."
    )


def test_a_history_that_was_emptied_holds_the_silence_and_does_not_end_it(
    tokens: Bench,
) -> None:
    replace_rows(tokens.connection, Data())

    success = tokens.answer("last_usage").success

    assert success.is_silent_about("token_usage_silence_seconds", ())
    assert not success.is_silent_about("token_usage_history_empty", ())


def test_one_row_of_a_far_future_does_not_hide_a_silence(tokens: Bench) -> None:
    usages = [
        Usage(1, 300, "seo_title", -60 * 365 * 86400),
        Usage(1, 300, "seo_title", 7200),
    ]
    replace_rows(tokens.connection, Data([], [], usages))

    assert tokens.series("last_usage")["token_usage_silence_seconds"] == {(): 7200.0}
    assert tokens.series("recent_usage")["token_usage_future_events"] == {
        ("seo_title",): 1.0
    }


@pytest.mark.parametrize(
    "query",
    [
        "recent_usage",
        "last_usage",
        "usage_without_subscription",
        "usage_time_zone",
    ],
)
def test_a_zone_that_the_server_does_not_know_is_a_bad_result_and_never_a_silence(
    tokens: Bench, query: str
) -> None:
    data = Data(
        [User(1, 700)], [Subscription(1, 700, "pro")], [Usage(1, 300, "seo_title", 10)]
    )
    replace_rows(tokens.connection, data)

    with pytest.raises(SampleError, match='does not know the time zone "Nowhere/Land"'):
        tokens.answer(query, history_time_zone="Nowhere/Land")


HOUR = 3600


def replace_times(
    bench: Bench, ages: list[int], zone: timedelta = timedelta(0)
) -> None:
    replace_rows(
        bench.connection,
        Data([], [], [Usage(1, 300, "seo_title", age) for age in ages]),
        zone=zone,
    )


def misdated(bench: Bench, **parameters: str) -> dict[tuple[str, ...], float]:
    return bench.series("usage_time_zone", **parameters)["token_usage_misdated_seconds"]


def advice(bench: Bench, kind: str, **parameters: str) -> tuple[str, str]:
    success = bench.answer("usage_time_zone", **parameters).success
    (sample,) = [one for one in success.samples if dict(one.labels)["kind"] == kind]
    details = dict(sample.details)
    return details["subject"], details["advice"]


@pytest.mark.parametrize("hours", [-11, -5, 0, 1, 5.5, 7, 13])
def test_a_history_in_the_zone_that_is_set_is_not_misdated(
    tokens: Bench, hours: float
) -> None:
    replace_times(tokens, [10, 400, 86400], timedelta(hours=hours))
    zone = f"{int(hours):+03d}:{int(hours % 1 * 60):02d}"
    assert misdated(tokens, history_time_zone=zone) == {
        ("future_time",): 0.0,
        ("late_time",): 0.0,
    }


@pytest.mark.parametrize(
    ("hours", "set_to", "wanted"), [(7, "+00:00", "+07:00"), (5.5, "+02:00", "+05:30")]
)
def test_local_time_east_of_the_zone_that_is_set_names_the_zone_to_set(
    tokens: Bench, hours: float, set_to: str, wanted: str
) -> None:
    replace_times(tokens, [70, *range(600, 8 * HOUR, 60)], timedelta(hours=hours))
    subject, words = advice(tokens, "future_time", history_time_zone=set_to)
    assert "rows of the usage history are up to" in subject
    assert f'set history_time_zone = "{wanted}"' in words
    assert f'history_time_zone is "{set_to}"' in words
    assert misdated(tokens, history_time_zone=set_to)[("late_time",)] == 0


def test_a_row_of_a_far_future_is_no_zone_and_a_few_minutes_are_a_clock(
    tokens: Bench,
) -> None:
    replace_times(tokens, [-60 * 365 * 86400, 10])
    assert misdated(tokens) == {("future_time",): 0.0, ("late_time",): 0.0}
    replace_times(tokens, [-400, 10])
    assert misdated(tokens)[("future_time",)] == 400
    assert (
        advice(tokens, "future_time")[1]
        == "It is too little for a zone: a clock of the application is ahead."
    )


def test_local_time_west_of_the_zone_that_is_set_is_seen_while_the_table_is_written_to(
    tokens: Bench,
) -> None:
    replace_times(tokens, [10, 400], timedelta(hours=-5))
    assert misdated(tokens) == {("future_time",): 0.0, ("late_time",): 5.0 * HOUR + 10}
    subject, words = advice(tokens, "late_time")
    assert "5 h 0 min old although the table is written to" in subject
    assert 'set history_time_zone = "-05:00"' in words


@pytest.mark.parametrize("age", [0, 1799, 1800 + 301, 5 * HOUR - 1, 13 * HOUR])
def test_what_is_no_zone_old_is_not_behind(tokens: Bench, age: int) -> None:
    replace_times(tokens, [age])
    assert misdated(tokens)[("late_time",)] == 0


def test_an_empty_history_is_not_misdated(tokens: Bench) -> None:
    replace_times(tokens, [])
    assert misdated(tokens) == {("future_time",): 0.0, ("late_time",): 0.0}


def test_the_zone_of_a_timestamp_is_the_servers_whatever_is_set(tokens: Bench) -> None:
    usages = [Usage(1, 300, "rewrite", age) for age in (10, 400, 2 * HOUR)]
    data = Data([User(1, 700)], [Subscription(1, 700, "pro")], usages)
    replace_rows(tokens.connection, data)
    usual = {name: tokens.series(name) for name in _OF_USAGE}
    tokens.execute("ALTER TABLE token_usage_history MODIFY created_at TIMESTAMP NULL")
    try:
        for zone in ("+00:00", "+07:00", "-05:00"):
            found = {
                name: tokens.series(name, history_time_zone=zone) for name in _OF_USAGE
            }
            assert found == usual
        note = tokens.answer("usage_time_zone", history_time_zone="+07:00").rows
        assert {row[note.columns.index("note")] for row in note.rows} == {
            "history_time_zone is not used: the column is TIMESTAMP, leave it out"
        }
        tokens.session.connection.execute("SET SESSION time_zone = '-03:00'")
        assert {
            name: tokens.series(name, history_time_zone="+07:00") for name in _OF_USAGE
        } == usual
    finally:
        tokens.session.connection.execute("SET SESSION time_zone = '+00:00'")
        tokens.execute(
            "ALTER TABLE token_usage_history MODIFY created_at DATETIME NULL"
        )


_OF_USAGE = (
    "last_usage",
    "recent_usage",
    "usage_without_subscription",
    "usage_time_zone",
)


@pytest.mark.parametrize("name", _OF_USAGE)
def test_the_zone_does_not_cost_the_index_on_the_time(tokens: Bench, name: str) -> None:
    replace_times(tokens, [number * 3600 for number in range(3000)])
    with tokens.connection.cursor() as cursor:
        cursor.execute("SHOW INDEX FROM token_usage_history WHERE Key_name = 'by_time'")
        is_indexed = bool(cursor.fetchall())
    if is_indexed:
        # until the server has purged the rows that were there before, it takes the index for a bad one
        wait_until(lambda: rows_read(tokens, name) < 1000, f"{name} uses the index")
    else:
        assert rows_read(tokens, name) >= 1000


def rows_read(tokens: Bench, name: str) -> int:
    """Count the rows that the server reads for a query, with a plan of its newest statistics."""
    with tokens.connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE token_usage_history")
        cursor.fetchall()
    tokens.session.connection.execute("FLUSH STATUS")
    tokens.answer(name, history_time_zone="+07:00")
    counts = tokens.session.connection.execute(
        "SHOW SESSION STATUS LIKE 'Handler_read%'"
    )
    return sum(int(str(count)) for _, count in counts)
