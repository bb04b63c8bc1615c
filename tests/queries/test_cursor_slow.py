"""A query that reads forward, on a server that is far away: it goes on, and leaves out what it did not reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from monitor.model.cursor_position import CursorPosition
from monitor.storage.cursor_records import packed_memory
from monitor.storage.positions import position_to_text, text_to_position
from monitor.timing.deadlines import Watchdog
from tests.queries.conftest import Bench
from tests.queries.far_away import far_server, far_session
from tests.queries.test_cursor import TABLE, Reader, reader


@dataclass
class FarAway:
    """A table on a server far away, and who reads it."""

    bench: Bench
    reader: Reader
    sent: list[bytes]
    """Every packet that was sent to the server."""

    def insert(self, count: int) -> None:
        """Insert so many rows of an hour ago."""
        self.bench.execute(
            "INSERT INTO token_usage_history (user_id, tokens_used, action, created_at)"
            f" SELECT seq, 1, 'chat', UTC_TIMESTAMP() - INTERVAL 2 HOUR FROM seq_1_to_{count}"
        )

    @property
    def position(self) -> CursorPosition:
        """Return how far it has come."""
        assert self.reader.position is not None
        return self.reader.position

    @property
    def of_the_day(self) -> float | None:
        """Return the window of a day; None where there is none."""
        events = self.reader.series("token_usage_recent_events")
        return events.get(("chat", "24h"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateMariaDB]:
    with far_server(tmp_path_factory.mktemp("far") / "m") as server:
        yield server


@pytest.fixture
def far_away(
    server: PrivateMariaDB, tmp_path: Path, watchdog: Watchdog
) -> Iterator[FarAway]:
    sent: list[bytes] = []
    with closing(Bench(server, tmp_path)) as bench:
        bench.execute(TABLE)
        with far_session(server, bench.schema, watchdog, sent) as session:
            yield FarAway(bench, reader(bench, session), sent)


def test_a_server_far_away_is_read_in_pieces_of_some_hundred_rows(
    far_away: FarAway,
) -> None:
    far_away.insert(1000)
    one = far_away.reader
    one.query = replace(one.query, timeout=timedelta(seconds=4))
    for _ in range(6):
        one.run()
        assert far_away.position.piece >= 200
        assert far_away.position.unread_ids == 0
        far_away.insert(300)
    one.run().run()
    assert one.events == 6 * 300
    assert far_away.of_the_day == 1000 + 6 * 300


def test_a_position_of_single_rows_recovers(far_away: FarAway) -> None:
    one = far_away.reader.run()
    one.position = replace(far_away.position, piece=1)
    far_away.insert(600)
    one.run()
    assert far_away.position.piece >= 200
    assert far_away.of_the_day == 600


def test_the_servers_limit_is_stated_once_and_not_for_each_statement(
    far_away: FarAway,
) -> None:
    one = far_away.reader.run()
    one.query = replace(one.query, max_rows=20)
    far_away.insert(100)
    far_away.sent.clear()
    one.run().run()
    limits = [sql for sql in far_away.sent if b"SET SESSION max_statement_time" in sql]
    reads = [sql for sql in far_away.sent if b"token_usage_history" in sql]
    assert len(reads) > 10
    assert len(limits) <= 1


def test_rows_that_are_not_reached_in_time_cost_the_windows_and_not_the_run(
    far_away: FarAway,
) -> None:
    one = far_away.reader.run()
    usual = one.query
    one.query = replace(usual, max_rows=5, timeout=timedelta(seconds=2))
    far_away.insert(2000)
    one.run()
    assert far_away.position.unread_ids > 0
    assert one.series("token_usage_recent_events") == {}
    assert one.series("token_usage_events_total") == {("chat",): 0.0}
    one.run()
    assert 0 < one.events < 2000
    one.query = usual
    one.run().run()
    assert one.events == far_away.of_the_day == 2000
    assert far_away.position.unread_ids == 0


def test_what_a_restart_left_to_be_caught_up_with_takes_some_runs(
    far_away: FarAway,
) -> None:
    one = far_away.reader.run()
    memory = far_away.position.memory
    assert memory is not None
    far_away.insert(400)
    one.run().run()
    assert one.events == 400
    kept = text_to_position(position_to_text(far_away.position), packed_memory(memory))
    assert isinstance(kept, CursorPosition)
    one.position = kept
    one.query = replace(one.query, max_rows=5)
    far_away.insert(10)
    counted = [one.run().events]
    assert far_away.of_the_day is None
    while far_away.of_the_day is None:
        counted.append(one.run().events)
    one.run().run()
    # nothing is counted before all is caught up with
    assert set(counted[:-1]) == {400}
    assert one.events == far_away.of_the_day == 410
