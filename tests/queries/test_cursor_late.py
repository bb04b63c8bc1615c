"""Rows that come late into a table that is read forward: each counts once and is in the windows once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.collector.cursor_gaps import MAX_GAPS
from monitor.demo.mariadb import PrivateServer
from monitor.model.cursor_position import CursorMemory, CursorPosition
from monitor.storage.cursor_records import packed_memory
from monitor.storage.positions import position_to_text, text_to_position
from tests.queries.conftest import Bench
from tests.queries.test_cursor import RECOUNTED, TABLE, Reader, reader


@pytest.fixture(scope="module")
def bench(
    each_server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    bench = Bench(each_server, tmp_path_factory.mktemp("late"))
    try:
        yield bench
    finally:
        bench.close()


@pytest.fixture
def history(bench: Bench) -> Bench:
    bench.execute("DROP TABLE IF EXISTS token_usage_history", TABLE)
    bench.session.connection.execute("SET SESSION timestamp = DEFAULT")
    return bench


def insert_ids(bench: Bench, first: int, last: int, step: int = 1) -> None:
    """Insert a row with each of these ids."""
    ids = range(first, last + 1, step)
    for begin in range(0, len(ids), 1000):
        rows = ", ".join(
            f"({one}, {one}, 1, 'chat', UTC_TIMESTAMP())"
            for one in ids[begin : begin + 1000]
        )
        bench.execute(
            f"INSERT INTO token_usage_history (id, user_id, tokens_used, action, created_at) VALUES {rows}"
        )


def events_of_the_day(one: Reader) -> float:
    return one.series("token_usage_recent_events")["chat", "24h"]


def memory_of(one: Reader) -> CursorMemory:
    assert one.position is not None
    assert one.position.memory is not None
    return one.position.memory


def run_until(one: Reader, events: int) -> None:
    """Run until so many rows are counted, which takes more runs where the machine is slow."""
    one.run().run()
    while one.events < events:
        one.run(1)
    assert one.events == events


def restart_with(one: Reader, memory: CursorMemory) -> None:
    """Go on with the position of now and what was remembered some minutes ago, as after a restart."""
    assert one.position is not None
    kept = text_to_position(position_to_text(one.position), packed_memory(memory))
    assert isinstance(kept, CursorPosition)
    one.position = kept


def test_a_late_row_that_came_before_a_restart_is_in_the_windows_once(
    history: Bench,
) -> None:
    insert_ids(history, 1, 1)
    one = reader(history).run()
    before = memory_of(one)
    insert_ids(history, 10, 10)
    one.run().run()
    insert_ids(history, 7, 7)
    restart_with(one, before)
    one.run()
    # a late row is remembered when it is counted
    assert events_of_the_day(one) == 2
    one.run(RECOUNTED)
    assert (one.events, events_of_the_day(one)) == (2, 3)
    assert one.value("token_usage_late_rows_total") == 1


def test_a_late_row_of_before_the_memory_is_in_the_windows_once(history: Bench) -> None:
    insert_ids(history, 1, 1)
    insert_ids(history, 10, 10)
    one = reader(history)
    one.run()
    insert_ids(history, 7, 7)
    # another shape: the day is read again
    one.query = replace(
        one.query, parameters={**one.query.parameters, "history_time_zone": "+01:00"}
    )
    one.run()
    assert one.series("token_usage_recent_events")["chat", "24h"] == 2
    one.run(RECOUNTED)
    assert (one.events, events_of_the_day(one)) == (1, 3)


def test_a_late_row_that_was_counted_is_in_the_windows_after_a_restart(
    history: Bench,
) -> None:
    one = reader(history).run()
    insert_ids(history, 10, 10)
    one.run().run()
    insert_ids(history, 7, 7)
    kept = memory_of(one)
    # the last one finds it, some minutes after the one before has written its memory
    for minutes in (55, 6):
        one.run(minutes * 60.0)
        if one.position is not None and one.position.keeps_memory:
            kept = memory_of(one)
    restart_with(one, kept)
    one.run()
    assert (one.events, events_of_the_day(one)) == (2, 2)


def test_an_import_into_a_gap_is_counted_over_some_runs_and_each_row_once(
    history: Bench,
) -> None:
    one = reader(history).run()
    insert_ids(history, 2_601, 2_601)
    one.run().run()
    assert one.events == 1
    insert_ids(history, 101, 2_600)
    one.query = replace(one.query, max_rows=1, timeout=timedelta(seconds=10))
    counted = [one.run(RECOUNTED).events]
    while one.position is not None and one.position.gaps:
        counted.append(one.run(1).events)
    assert len(counted) > 1
    assert one.events == events_of_the_day(one) == 2_501
    assert one.value("token_usage_late_rows_total") == 2_500
    assert one.run(RECOUNTED).run(RECOUNTED).events == 2_501


def test_an_import_into_one_gap_hides_no_row_of_another_gap(history: Bench) -> None:
    one = reader(history).run()
    insert_ids(history, 20_000, 20_000)
    insert_ids(history, 20_010, 20_010)
    one.run().run()
    insert_ids(history, 1, 6_000)
    insert_ids(history, 20_005, 20_005)
    one.run(RECOUNTED)
    while one.position is not None and one.position.gaps:
        one.run(1)
    assert one.events == 6_003


def test_a_late_row_between_ids_in_steps_is_counted_and_their_gaps_are_small(
    history: Bench,
) -> None:
    one = reader(history).run()
    insert_ids(history, 3, 1_800, step=3)
    run_until(one, 600)
    assert one.position is not None
    assert len(position_to_text(one.position)) < 2_000
    insert_ids(history, 4, 5)
    insert_ids(history, 1_700, 1_700)
    one.run(RECOUNTED)
    assert (one.events, events_of_the_day(one)) == (603, 603)
    assert one.value("token_usage_late_rows_total") == 3
    assert one.value("token_usage_dropped_gaps_total") == 0
    assert one.run(RECOUNTED).events == 603


def test_of_too_many_gaps_the_oldest_are_looked_at_early_and_counted(
    history: Bench,
) -> None:
    one = reader(history).run()
    insert_ids(history, 40_000, 40_000)
    run_until(one, 1)
    assert one.position is not None
    (gap,) = one.position.gaps
    singles = (
        replace(gap, first=2 * number, last=2 * number)
        for number in range(1, MAX_GAPS + 51)
    )
    one.position = replace(one.position, gaps=tuple(singles))
    insert_ids(history, 100, 100)
    insert_ids(history, 102, 102)
    assert one.run(1).events == 2
    assert one.value("token_usage_dropped_gaps_total") == 50
    assert len(one.position.gaps) == MAX_GAPS
    assert len(position_to_text(one.position)) < 20_000
    one.run(RECOUNTED)
    assert one.events == 3
    assert one.value("token_usage_dropped_gaps_total") == 50
