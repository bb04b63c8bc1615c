"""Windows out of minutes, and different members within them, against a list of all rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.cursor_memory import (
    MAX_MEMBERS,
    MemoryBuilder,
    is_estimated,
    labels_within,
    member_hash,
    minute_of,
    window_members,
    window_sum,
)
from monitor.model.cursor_position import CursorMemory
from monitor.storage.cursor_records import packed_memory, unpacked_memory

NOW_MINUTE = 30_000_000
NOW = NOW_MINUTE * 60.0
SERIES = ("m", (("action", "rewrite"),))
EMPTY = CursorMemory(0, 0)

rows = st.lists(
    st.tuples(st.integers(0, 1500), st.integers(1, 6), st.integers(-5, 9)), max_size=60
)


@given(rows, st.integers(0, 60), st.sampled_from([5, 60, 1440]))
def test_a_window_is_what_its_rows_are_whatever_the_runs_that_they_came_in(
    all_rows: list[tuple[int, int, int]], cut: int, window: int
) -> None:
    memory = EMPTY
    for part in (all_rows[:cut], all_rows[cut:]):
        builder = MemoryBuilder(memory, NOW)
        for age, member, value in part:
            builder.add(SERIES, NOW_MINUTE - age, value)
            builder.see(SERIES, NOW_MINUTE - age, member_hash(member))
        memory = builder.built(memory, oldest_minute=NOW_MINUTE - 1440 + 1)
        memory = unpacked_memory(packed_memory(memory))
    within = [row for row in all_rows if row[0] < window]
    after = NOW_MINUTE - window
    assert window_sum(memory, SERIES, after) == sum(value for _, _, value in within)
    assert window_members(memory, SERIES, after) == len({row[1] for row in within})
    assert not is_estimated(memory)


def test_a_minute_has_its_last_instant() -> None:
    assert minute_of(NOW) == NOW_MINUTE
    assert minute_of(NOW + 0.5) == NOW_MINUTE + 1


def test_beyond_100_000_members_their_number_is_an_estimate_to_a_few_per_cent() -> None:
    memory = EMPTY
    count = 250_000
    for first in range(0, count, 50_000):
        builder = MemoryBuilder(memory, NOW)
        for member in range(first, first + 50_000):
            minute = NOW_MINUTE - 1400 + member // 200
            builder.see(SERIES, minute, member_hash(member))
        memory = builder.built(memory)
        assert len(memory.members[SERIES]) <= MAX_MEMBERS
    assert is_estimated(memory)
    found = window_members(memory, SERIES, NOW_MINUTE - 1440)
    assert abs(found - count) < 0.03 * count
    # those who came last are counted one by one
    newest = NOW_MINUTE - 1400 + count // 200 - 1
    assert window_members(memory, SERIES, newest - 5) == 5 * 200


def test_a_rare_series_that_thinning_leaves_nobody_of_is_not_there() -> None:
    rare = ("m", (("action", "refund"),))
    hours_ago = NOW_MINUTE - 165
    thinned = {member for member in range(100) if member_hash(member) & 1}
    builder = MemoryBuilder(EMPTY, NOW)
    builder.see(rare, hours_ago, member_hash(min(thinned)))
    for member in range(1000, 1000 + MAX_MEMBERS):
        builder.see(SERIES, NOW_MINUTE - member % 170, member_hash(member))
    memory = builder.built(EMPTY)
    assert is_estimated(memory)
    assert labels_within(memory, NOW_MINUTE - 1440) == {SERIES[1]}
    # who comes later in a minute that is thinned, and is not kept either
    builder = MemoryBuilder(memory, NOW)
    builder.see(rare, hours_ago, member_hash(max(thinned)))
    again = builder.built(memory)
    assert labels_within(again, NOW_MINUTE - 1440) == {SERIES[1]}
    assert unpacked_memory(packed_memory(again)) == again


def test_a_series_without_members_of_an_older_state_has_no_labels() -> None:
    memory = CursorMemory(0, 0, members={SERIES: {}})
    assert labels_within(memory, 0) == set()
