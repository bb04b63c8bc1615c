"""The night in which a clock is set back: an hour comes twice, and usage is neither gone nor misdated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.demo.mariadb import PrivateServer
from tests.queries.conftest import Bench
from tests.queries.test_cursor import Reader
from tests.queries.tokens import create_tables

ZONE = "Test/Autumn"
SUMMER, WINTER = timedelta(hours=2), timedelta(hours=1)
SET_BACK_AT = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
"""From 03:00 to 02:00 of local time, as in Berlin."""
BEGINS = SET_BACK_AT - timedelta(hours=2)
MINUTE = timedelta(minutes=1)
FORWARD = (
    "recent_usage",
    "usage_by_plan",
    "usage_without_subscription",
    "history_invalid",
)


def local(at: datetime) -> str:
    """Write an instant as the application does: by the clock on the wall."""
    offset = SUMMER if at < SET_BACK_AT else WINTER
    return f"{at + offset:%Y-%m-%d %H:%M:%S}"


def know_zone(server: PrivateServer) -> None:
    """Have the server know the zone, as its tables of zones do."""
    with server.connect("mysql") as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("DELETE FROM time_zone_name WHERE Name = %s", (ZONE,))
        for table in ("time_zone", "time_zone_transition", "time_zone_transition_type"):
            cursor.execute(f"DELETE FROM {table} WHERE Time_zone_id = 900")
        cursor.execute("INSERT INTO time_zone VALUES (900, 'N')")
        cursor.execute("INSERT INTO time_zone_name VALUES (%s, 900)", (ZONE,))
        cursor.execute(
            "INSERT INTO time_zone_transition_type VALUES"
            " (900, 0, 3600, 0, 'WINT'), (900, 1, 7200, 1, 'SUMM')"
        )
        spring = datetime(2026, 3, 29, 1, 0, tzinfo=UTC).timestamp()
        cursor.execute(
            "INSERT INTO time_zone_transition VALUES (900, %s, 1), (900, %s, 0)",
            (round(spring), round(SET_BACK_AT.timestamp())),
        )
        connection.commit()


class Night:
    """The token system in that night: one call a minute, and queries that look when they are told."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.at = BEGINS
        parameters = {"history_time_zone": ZONE}
        self.readers = {
            name: Reader(
                replace(query, parameters={**query.parameters, **parameters}),
                bench.session,
                now=BEGINS,
            )
            for name, query in bench.queries.items()
            if name in FORWARD
        }

    def look(self, after: timedelta) -> None:
        """Let calls come for so long, and have all look."""
        for _ in range(after // MINUTE):
            self.at += MINUTE
            self.bench.execute(
                "INSERT INTO token_usage_history (user_id, tokens_used, action, created_at)"
                f" VALUES (1, 300, 'rewrite', '{local(self.at)}')"
            )
        seconds = self.at.timestamp() + 5
        self.bench.session.connection.execute(f"SET SESSION timestamp = {seconds}")
        for reader in self.readers.values():
            reader.run(after.total_seconds())

    def series(self, name: str) -> dict[str, dict[tuple[str, ...], float]]:
        """Return what a query says that does not read forward."""
        return self.bench.series(name, history_time_zone=ZONE)


@pytest.fixture
def night(empty_schema: Bench) -> Night:
    know_zone(empty_schema.server)
    create_tables(empty_schema.connection, indexed=True)
    empty_schema.execute(
        "ALTER TABLE token_usage_history RENAME COLUMN nr TO id",
        "INSERT INTO users (id, email, tokens_remaining) VALUES (1, 'a', 500)",
        "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type) VALUES (1, 900, 'pro')",
    )
    return Night(empty_schema)


def test_use_in_the_hour_that_comes_twice_is_of_now_and_not_misdated(
    night: Night,
) -> None:
    readers = night.readers
    while night.at < SET_BACK_AT + timedelta(minutes=90):
        near = abs(night.at - SET_BACK_AT) < timedelta(minutes=3)
        night.look(MINUTE if near else 7 * MINUTE)
        found = night.series("last_usage")
        assert found["token_usage_silence_seconds"] == {(): 5.0}, night.at
        assert set(night.series("usage_time_zone")["token_usage_misdated_seconds"]) == {
            ("future_time",),
            ("late_time",),
        }
        assert not any(
            night.series("usage_time_zone")["token_usage_misdated_seconds"].values()
        )
        recent = readers["recent_usage"].series("token_usage_recent_events")
        assert recent["rewrite", "5m"] == min(5, (night.at - BEGINS) // MINUTE)
        assert recent["rewrite", "1h"] == min(60, (night.at - BEGINS) // MINUTE)
        by_plan = readers["usage_by_plan"].series("token_usage_plan_events")
        assert by_plan["pro",] == min(5, (night.at - BEGINS) // MINUTE)
        assert not any(
            readers["history_invalid"]
            .series("token_usage_invalid_recent_rows")
            .values()
        ), night.at
