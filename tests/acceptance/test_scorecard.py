"""The scorecard with one seed and ten kinds: its clock drives the server, and what it plays is told by name."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pymysql
import pytest

from scripts.scorecard_parts import healthy, learn
from scripts.scorecard_parts.incident import Scene
from scripts.scorecard_parts.judge import Judged, Verdict, judged
from scripts.scorecard_parts.kinds import chosen
from scripts.scorecard_parts.play import play
from scripts.scorecard_parts.server import DrivenMariaDB
from scripts.scorecard_parts.tables import MONITOR, MONITOR_PASSWORD
from scripts.scorecard_parts.watcher import coarse
from scripts.scorecard_parts.world import Scale, World

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
CAUGHT_AT_ONCE = (
    "balance_column_missing",
    "limit_column_missing",
    "table_renamed",
    "column_not_null",
    "column_text",
    "history_truncated",
    "subscribed_twice",
    "monitor_right_lost",
    "password_changed",
    "server_down",
)
"""Kinds of which nothing need be learned."""


@pytest.mark.slow
def test_the_clock_of_the_server_follows_the_file_also_by_weeks(tmp_path: Path) -> None:
    with_clock = DrivenMariaDB(tmp_path / "m")
    with_clock.set_clock(AT)
    with with_clock as server, server.connect() as connection:
        for days in (0, 1, 30, 31, 10):
            server.set_clock(AT + timedelta(days=days))
            with connection.cursor() as cursor:
                cursor.execute("SELECT NOW(), UTC_TIMESTAMP(), SYSDATE()")
                row = cursor.fetchone()
            assert row is not None
            for shown in row:
                passed = shown.replace(tzinfo=UTC) - AT
                assert abs(passed - timedelta(days=days)) < timedelta(seconds=5)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_kinds_are_told_by_their_cause_first(tmp_path: Path) -> None:
    world = World(tmp_path, 1, Scale(users=600, calls_a_minute=6.0), learn.BEGINS)
    try:
        learn.learn(world, timedelta(hours=3))
        kept = world.keep(tmp_path / "kept")
        lines = [
            judged(play(world, kept, incident, incident.sizes[-1]))
            for incident in chosen(CAUGHT_AT_ONCE)
        ]
    finally:
        world.close()
    told = {line.kind: _told(line) for line in lines}
    assert told == dict.fromkeys(CAUGHT_AT_ONCE, "cause first")


@pytest.mark.slow
def test_a_right_that_the_application_loses_is_felt_at_once(tmp_path: Path) -> None:
    world = World(tmp_path, 1, Scale(users=60, calls_a_minute=60.0), learn.BEGINS)
    try:
        (incident,) = chosen(["application_right_lost"])
        world.application.run(world.at, world.at + timedelta(minutes=1))
        assert not world.application.counts["failed"]
        incident.begin(Scene(world, 1.0, random.Random(1)))
        world.application.run(world.at, world.at + timedelta(minutes=1))
        assert world.application.counts["failed"]
    finally:
        world.close()


@pytest.mark.slow
def test_a_quota_is_used_up_also_where_the_account_comes_back_first(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, 1, Scale(users=60, calls_a_minute=6.0), learn.BEGINS)
    stopping = threading.Event()
    other = threading.Thread(target=_come_back, args=(world, stopping))
    other.start()
    try:
        (incident,) = chosen(["quota_used_up"])
        for _ in range(10):
            incident.begin(Scene(world, 1.0, random.Random(1)))
            (held,) = world.held
            held.ping(reconnect=False)
            world.held.remove(held)
            held.close()
    finally:
        stopping.set()
        other.join()
        world.close()


@pytest.mark.slow
def test_after_each_healthy_day_it_is_told_who_was_called(tmp_path: Path) -> None:
    world = World(tmp_path, 1, Scale(users=60, calls_a_minute=1.0), learn.BEGINS)
    step = timedelta(hours=6)
    world.watcher.use(coarse(world.config, step))
    try:
        first, second = healthy.live(world, 2, step)
    finally:
        world.close()
    assert (first.days, second.days) == (1, 2)
    assert second.pages[: len(first.pages)] == first.pages


def _come_back(world: World, stopping: threading.Event) -> None:
    """Connect as the monitor's account whenever there is room, and stay until the connection is cut."""
    while not stopping.is_set():
        with (
            suppress(pymysql.MySQLError),
            world.connect(MONITOR, MONITOR_PASSWORD) as connection,
        ):
            while not stopping.wait(0.001):
                connection.ping(reconnect=False)


def _told(line: Judged) -> str:
    if line.verdict is Verdict.CAUSE:
        return str(line.verdict)
    return f"{line.verdict}: {line.first} {line.others} {line.failures}"
