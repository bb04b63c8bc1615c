"""What is new in a table whose ids come again: each row counts once, by a model that knows every row."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.cursor_gaps import gaps_with
from monitor.collector.cursor_passed import (
    IdSpan,
    begun_anew,
    gaps_of_part,
    next_passed,
    parts_with_rows,
    still_passed,
)
from monitor.collector.cursor_ranges import settled_mark, with_mark
from monitor.model.cursor_position import CursorPosition, Gap, Passed

BEGIN = datetime(2026, 3, 10, tzinfo=UTC)
SETTLE = timedelta(seconds=3)
Row = tuple[int, float]
"""Which one it is of all that there ever were, and its time."""


@dataclass
class Servers:
    """What was done to a table, in order; a server that is behind has done less of it."""

    chance: random.Random
    done: list[tuple[int, Row | None]] = field(default_factory=list)
    """An id and the row that it has from then on; None: none."""
    is_at: int = 0
    """So much has the server done that answers."""
    next_id: int = 1
    written: int = 0
    open: dict[int, Row] = field(default_factory=dict)

    def state(self, length: int) -> dict[int, Row]:
        """Return the table after so much was done."""
        table: dict[int, Row] = {}
        for one, row in self.done[:length]:
            if row is None:
                table.pop(one, None)
            else:
                table[one] = row
        return table

    @property
    def is_behind(self) -> bool:
        """Return whether the server that answers has not done all."""
        return self.is_at < len(self.done)

    def do(self, one: int, row: Row | None) -> None:
        """Do something; a server that is not behind has it at once."""
        self.is_at += not self.is_behind
        self.done.append((one, row))

    def begin(self, now_seconds: float) -> None:
        """Begin a row with the next id, which is not committed yet; ids may come in steps."""
        self.written += 1
        self.open[self.next_id] = (self.written, now_seconds)
        self.next_id += self.chance.choice([1, 1, 1, 2, 7])

    def commit(self) -> None:
        """Commit an open row."""
        if self.open:
            one = self.chance.choice(list(self.open))
            self.do(one, self.open.pop(one))

    def delete(self) -> None:
        """Delete a row."""
        table = self.state(len(self.done))
        if table:
            self.do(self.chance.choice(list(table)), None)

    def replace_all(self, rows: dict[int, Row]) -> None:
        """Empty the table and put other rows in; ids go on behind them."""
        self.open.clear()
        for one in self.state(len(self.done)):
            self.do(one, None)
        for one, row in rows.items():
            self.do(one, row)
        self.next_id = max(rows, default=0) + 1

    def truncate(self) -> None:
        """Empty the table."""
        self.replace_all({})

    def restore(self) -> None:
        """Restore what the table was some time ago."""
        self.replace_all(self.state(self.chance.randint(0, len(self.done))))

    def lose(self) -> None:
        """Go on with a server that had not done all, and never will."""
        self.open.clear()
        if self.is_behind:
            del self.done[self.is_at :]
            self.next_id = max(self.state(self.is_at), default=0) + 1


@dataclass
class Counting:
    """Counts as a run does, from the pure parts."""

    chance: random.Random
    counted: Counter[int] = field(default_factory=Counter)
    position: CursorPosition = field(
        default_factory=lambda: CursorPosition("cursor t.id", 1, 0, newest_seconds=0.0)
    )

    def look(self, table: dict[int, Row], now_seconds: float) -> None:
        """Count what is settled."""
        now = BEGIN + timedelta(seconds=now_seconds)
        highest = max(table, default=0)
        if highest < self.position.until:
            self.begin_anew(table, highest, now)
        marks = with_mark(self.position.marks, now, highest)
        self.position = replace(self.position, marks=marks)
        settled = settled_mark(marks, now, SETTLE, None)
        while settled is not None and self.position.until < settled.highest:
            self.count(table, settled.highest, now)

    def begin_anew(self, table: dict[int, Row], highest: int, now: datetime) -> None:
        """Begin anywhere below the first row that is new."""
        newest_seconds = self.position.newest_seconds or 0.0
        new = [one for one in table if table[one][1] > newest_seconds]
        until = self.chance.randint(0, min(new, default=highest + 1) - 1)
        self.position = begun_anew(self.position, until, newest_seconds, now)

    def count(self, table: dict[int, Row], until: int, now: datetime) -> None:
        """Count the next piece."""
        position = self.position
        passed = next_passed(position, position.until)
        end = min(until, position.until + self.chance.randint(1, 9))
        if passed is not None:
            end = min(end, passed.until)
        ids = sorted(one for one in table if position.until < one <= end)
        part = IdSpan(
            position.until, end, None if passed is None else passed.newest_seconds
        )
        for one in parts_with_rows(ids, part, position.passed_gaps):
            self.add(table, one)
        gaps = gaps_of_part(ids, part, position.passed_gaps, now)
        self.position = replace(
            still_passed(self.position, end),
            until=end,
            gaps=(*position.gaps, *gaps),
        )

    def add(self, table: dict[int, Row], part: IdSpan) -> None:
        """Count those rows of a part that are new."""
        for one, (number, seconds) in table.items():
            is_in = part.since < one <= part.until
            if is_in and (part.newer_than is None or seconds > part.newer_than):
                self.counted[number] += 1
                newest_seconds = max(self.position.newest_seconds or 0.0, seconds)
                self.position = replace(self.position, newest_seconds=newest_seconds)

    def recount(self, table: dict[int, Row]) -> None:
        """Count what came into the gaps."""
        for gap in gaps_with(table, self.position.gaps):
            self.add(table, IdSpan(gap.first - 1, gap.last, gap.newer_than))
        self.position = replace(self.position, gaps=())


HAPPENINGS = (
    *("write",) * 8,
    *("begin", "commit") * 3,
    *("look",) * 8,
    *("behind", "on", "on"),
    *("delete", "truncate", "restore", "lost", "recount"),
)


@given(st.integers(5, 80), st.integers(0, 2**20))
def test_each_row_counts_once_whatever_becomes_of_the_table_and_its_servers(
    length: int, seed: int
) -> None:
    chance = random.Random(seed)
    servers, counting = Servers(chance), Counting(chance)
    gone = set[int]()
    now_seconds = 0.0
    for happening in chance.choices(HAPPENINGS, k=length):
        now_seconds += 1
        happen(happening, servers, counting, now_seconds)
        assert not [one for one, count in counting.counted.items() if count > 1]
        gone |= gone_uncounted(servers, counting)
    while servers.open:
        servers.commit()
    catch_up(servers, counting, now_seconds, len(servers.done))
    table = servers.state(servers.is_at)
    for seconds in (10.0, 20.0, 30.0):
        counting.look(table, now_seconds + seconds)
    counting.recount(table)
    assert set(counting.counted.values()) <= {1}
    # A server that is behind past a TRUNCATE may have a row where another one is still to come.
    taken = {
        one
        for one, row in servers.done
        if row and row[0] in gone & set(counting.counted)
    }
    there = {row[0] for one, row in table.items() if one not in taken}
    assert there - gone <= set(counting.counted)


def gone_uncounted(servers: Servers, counting: Counting) -> set[int]:
    """Return the rows that went before they were counted: should they come back, nobody knows that."""
    there = {number for number, _ in servers.state(len(servers.done)).values()}
    waiting = {number for number, _ in servers.open.values()}
    ever = set(range(1, servers.written + 1))
    return ever - there - waiting - set(counting.counted)


def happen(
    happening: str, servers: Servers, counting: Counting, now_seconds: float
) -> None:
    """Let one thing happen; that a table ends lower is seen before it has passed where it was."""
    if happening in ("write", "begin"):
        servers.begin(now_seconds)
    if happening in ("write", "commit"):
        servers.commit()
    elif happening == "behind":
        servers.is_at = servers.chance.randint(0, servers.is_at)
    elif happening == "on":
        until = servers.chance.randint(servers.is_at, len(servers.done))
        catch_up(servers, counting, now_seconds, until)
    elif happening in CHANGES:
        CHANGES[happening](servers)
    elif happening == "recount" and not (servers.is_behind or servers.open):
        counting.recount(servers.state(servers.is_at))
    if happening not in ("write", "begin", "commit"):
        counting.look(servers.state(servers.is_at), now_seconds)


CHANGES = {
    "delete": Servers.delete,
    "truncate": Servers.truncate,
    "restore": Servers.restore,
    "lost": Servers.lose,
}


def catch_up(
    servers: Servers, counting: Counting, now_seconds: float, until: int
) -> None:
    """Let a server that is behind do what it has not yet, up to some point."""
    while servers.is_at < until:
        servers.is_at += 1
        counting.look(servers.state(servers.is_at), now_seconds)


def test_of_a_table_that_begins_anew_again_and_again_the_latest_time_stays() -> None:
    position = CursorPosition("cursor t.id", 1, 1000)
    for number in range(1, 30):
        position = begun_anew(position, 900 - number, 10.0 * number, BEGIN)
    assert len(position.passed) == 8
    assert position.passed[0] == Passed(893, 290.0)
    assert position.passed[-1] == Passed(1000, 10.0)
    assert next_passed(position, 500) == position.passed[0]
    assert next_passed(still_passed(position, 950), 950) == Passed(1000, 10.0)
    assert still_passed(position, 1000).passed == ()


def test_a_gap_of_before_is_one_still_and_its_row_counts_whatever_its_time() -> None:
    gaps = (Gap(3, 3, BEGIN), Gap(7, 9, BEGIN))
    before = CursorPosition("cursor t.id", 1, 10, gaps=gaps)
    later = BEGIN + timedelta(minutes=5)
    position = begun_anew(before, 7, 50.0, later)
    assert position.gaps == (Gap(3, 3, later), Gap(7, 7, later))
    assert position.passed_gaps == (Gap(8, 9, later),)
    ahead = IdSpan(7, 10, 50.0)
    assert list(parts_with_rows([9, 10], ahead, position.passed_gaps)) == [
        IdSpan(7, 9),
        IdSpan(9, 10, 50.0),
    ]
    assert list(gaps_of_part([9], ahead, position.passed_gaps, later)) == [
        Gap(8, 8, later),
        Gap(10, 10, later, newer_than=50.0),
    ]
