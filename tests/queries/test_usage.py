"""Usage: windows, the last event, rows from the future, zones, and the last rows for a person."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import SampleError
from tests.queries import oracle
from tests.queries.conftest import Bench
from tests.queries.strategies import EXAMPLES, contents
from tests.queries.tokens import NOW, Data, Subscription, Usage, User, replace_rows


@EXAMPLES
@given(data=contents(), hours=st.sampled_from([-8, 0, 2]))
def test_the_usage_queries_agree_with_the_history(tokens: Bench, data: Data, hours: int) -> None:
    replace_rows(tokens.connection, data, zone=timedelta(hours=hours))
    zone = f"{hours:+03d}:00"

    assert tokens.series("recent_usage", history_time_zone=zone) == oracle.recent_usage(data.usages)
    assert tokens.series("last_usage", history_time_zone=zone) == oracle.last_usage(
        data.usages, NOW.timestamp()
    )
    assert tokens.series("usage_without_subscription", history_time_zone=zone) == oracle.unsubscribed_users(
        data
    )


@EXAMPLES
@given(data=contents())
def test_the_last_rows_are_those_of_the_documented_query(tokens: Bench, data: Data) -> None:
    twice = Data(data.users, data.subscriptions, [*data.usages, *data.usages])
    replace_rows(tokens.connection, twice)
    with tokens.connection.cursor() as cursor:
        cursor.execute(oracle.RECENT_USAGE)
        documented = [row[4] for row in cursor.fetchall()]

    rows = tokens.answer("last_rows").rows

    assert rows.columns == ("user_id", "user_exists", "action", "tokens_used", "created_at")
    assert len(rows.rows) == min(20, len(twice.usages))
    known = [row[4] for row in rows.rows if row[1]]
    assert known == documented[: len(known)]


def test_stopped_usage_shows_how_long_since_when_and_the_last_rows(tokens: Bench) -> None:
    replace_rows(tokens.connection, Data([User(1, 5)], [], [Usage(1, 300, "seo_title", 2 * 3600 + 59)]))

    (sample,) = tokens.samples("last_usage", "age_seconds")
    evidence = tokens.answer("last_usage").success.evidence

    assert (sample.labels, sample.value) == ((), 7259)
    assert dict(sample.details) == {"last_event_text": "2026-03-10 10:29:01 UTC"}
    assert evidence["TokenUsageStopped", ()] == (
        {"user_id": 1, "usage_action": "seo_title", "tokens_used": 300, "created_at": "2026-03-10T10:29:01"},
    )


def test_one_row_of_a_far_future_does_not_hide_a_silence(tokens: Bench) -> None:
    usages = [Usage(1, 300, "seo_title", -60 * 365 * 86400), Usage(1, 300, "seo_title", 7200)]
    replace_rows(tokens.connection, Data([], [], usages))

    assert tokens.series("last_usage")["age_seconds"] == {(): 7200.0}
    assert tokens.series("recent_usage")["token_usage_future_events"] == {("seo_title",): 1.0}


@pytest.mark.parametrize("query", ["recent_usage", "last_usage", "refill_loop", "usage_without_subscription"])
def test_a_zone_that_the_server_does_not_know_is_a_bad_result_and_never_a_silence(
    tokens: Bench, query: str
) -> None:
    data = Data([User(1, 700)], [Subscription(1, 700, "pro")], [Usage(1, 300, "seo_title", 10)])
    replace_rows(tokens.connection, data)

    with pytest.raises(SampleError, match="is NULL"):
        tokens.answer(query, history_time_zone="Nowhere/Land")
