"""The rows of the last day by minute, and who was among them: added to in a run, asked for windows; pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import blake2b

from monitor.model.cursor_position import CursorMemory, SeriesKey
from monitor.model.settings import Labels

MAX_MEMBERS = 100_000
"""So many members are kept one by one; beyond that only a share of those who were last seen long ago."""
_LONGEST_MINUTES = 25 * 60
"""No window reaches back so far."""
_AHEAD_MINUTES = 24 * 60
"""A row of a later time is taken for one of then: it must leave the memory some day."""


def minute_of(seconds: float) -> int:
    """Return the minute that an instant is in: the one that ends at it or after it."""
    return math.ceil(seconds / 60)


def member_hash(member: object) -> int:
    """Return 64 bits for a member: names and ids themselves are not kept."""
    digest = blake2b(str(member).encode(errors="surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


class MemoryBuilder:
    """A memory that grows within one run; the one that it began from stays as it was."""

    def __init__(self, memory: CursorMemory, now_seconds: float) -> None:
        self._memory = memory
        self._now_minute = minute_of(now_seconds)
        self._oldest_minute = self._now_minute - _LONGEST_MINUTES
        self._sums: dict[SeriesKey, dict[int, float]] = {}
        self._members: dict[SeriesKey, dict[int, int]] = {}
        self._levels = dict(memory.levels)

    def add(
        self, series: SeriesKey, minute: int, value: float, *, is_future: bool = False
    ) -> None:
        """Add a value to a minute of a series, where a window may reach it; of the future only in the future."""
        oldest_minute = self._now_minute + 1 if is_future else self._oldest_minute
        if minute < oldest_minute:
            return
        minutes = self._sums.get(series)
        if minutes is None:
            minutes = self._sums[series] = dict(self._memory.sums.get(series, {}))
        minute = min(minute, self._now_minute + _AHEAD_MINUTES)
        minutes[minute] = minutes.get(minute, 0.0) + value

    def add_now(self, series: SeriesKey, value: float) -> None:
        """Add a value to the minute of the run: of what was seen in it, whatever time it has itself."""
        self.add(series, self._now_minute, value)

    def see(self, series: SeriesKey, minute: int, member: int) -> None:
        """Note that a member was in a minute of a series, where a window may reach it."""
        if minute < self._oldest_minute:
            return
        members = self._members.get(series)
        if members is None:
            members = self._members[series] = dict(self._memory.members.get(series, {}))
        minute = min(minute, self._now_minute + _AHEAD_MINUTES)
        if minute > members.get(member, minute - 1) and self._keeps(minute, member):
            members[member] = minute

    def built(
        self, reach: CursorMemory, *, oldest_minute: int | None = None
    ) -> CursorMemory:
        """Return a memory that reaches as far as another one, without what is before `oldest_minute`."""
        sums: dict[SeriesKey, Mapping[int, float]] = {**self._memory.sums, **self._sums}
        members: dict[SeriesKey, Mapping[int, int]] = {
            **self._memory.members,
            **self._members,
        }
        if oldest_minute is not None:
            sums = _sums_from(sums, oldest_minute)
            members = _members_from(members, oldest_minute)
        # Of a rare series thinning may leave nobody, and then it is not there.
        members = {one: seen for one, seen in self._thinned(members).items() if seen}
        levels = _levels_in_use(self._levels, members)
        return replace(reach, sums=sums, members=members, levels=levels)

    def _keeps(self, minute: int, member: int) -> bool:
        return member & ((1 << self._levels.get(minute, 0)) - 1) == 0

    def _thinned(
        self, members: dict[SeriesKey, Mapping[int, int]]
    ) -> dict[SeriesKey, Mapping[int, int]]:
        """Return no more members than are kept: of the older half of them every other one, again and again."""
        # Each member that stays stands for 2**level: which ones stay is decided by the hash, so that someone who
        # is seen again takes the right number of others along (adaptive sampling: Flajolet, 1990).
        while sum(map(len, members.values())) > MAX_MEMBERS:
            by_minute = _by_minute(members)
            half = by_minute.total() / 2
            for minute in sorted(by_minute):
                self._levels[minute] = self._levels.get(minute, 0) + 1
                half -= by_minute[minute]
                if half <= 0:
                    break
            members = {
                series: {
                    member: minute
                    for member, minute in seen.items()
                    if self._keeps(minute, member)
                }
                for series, seen in members.items()
            }
        return members


def window_sum(memory: CursorMemory, series: SeriesKey, after_minute: int) -> float:
    """Return what a series adds up to in all minutes behind one."""
    minutes = memory.sums.get(series, {})
    # In the order of the minutes, so that a sum of fractions is the same each time.
    found = [minutes[minute] for minute in sorted(minutes) if minute > after_minute]
    return float(sum(found))


def window_members(memory: CursorMemory, series: SeriesKey, after_minute: int) -> float:
    """Return how many members a series had in the minutes behind one; an estimate where not all are kept."""
    found = 0
    for minute, count in Counter(memory.members.get(series, {}).values()).items():
        if minute > after_minute:
            found += count << memory.levels.get(minute, 0)
    return float(found)


def is_estimated(memory: CursorMemory) -> bool:
    """Return whether some number of members is an estimate."""
    return any(memory.levels.values())


def is_covered(memory: CursorMemory, after_minute: int) -> bool:
    """Return whether all rows of the minutes behind one have been read."""
    return memory.is_complete or memory.covered_from <= after_minute + 1


def labels_within(memory: CursorMemory, after_minute: int) -> set[Labels]:
    """Return every label set that had a row in the minutes behind one."""
    sums, members = memory.sums.items(), memory.members.items()
    found = {labels for (_, labels), minutes in sums if max(minutes) > after_minute}
    # A memory that an older version wrote may have a series without members.
    found.update(
        labels
        for (_, labels), seen in members
        if max(seen.values(), default=after_minute) > after_minute
    )
    return found


def first_minute(now_seconds: float, window: timedelta) -> int:
    """Return the minute before a window: what is behind it is within."""
    return math.floor((now_seconds - window.total_seconds()) / 60)


def _sums_from(
    sums: Mapping[SeriesKey, Mapping[int, float]], oldest: int
) -> dict[SeriesKey, Mapping[int, float]]:
    kept: dict[SeriesKey, Mapping[int, float]] = {}
    for series, minutes in sums.items():
        left = {minute: value for minute, value in minutes.items() if minute >= oldest}
        if left:
            kept[series] = left
    return kept


def _members_from(
    members: Mapping[SeriesKey, Mapping[int, int]], oldest: int
) -> dict[SeriesKey, Mapping[int, int]]:
    kept: dict[SeriesKey, Mapping[int, int]] = {}
    for series, seen in members.items():
        left = {member: minute for member, minute in seen.items() if minute >= oldest}
        if left:
            kept[series] = left
    return kept


def _by_minute(members: Mapping[SeriesKey, Mapping[int, int]]) -> Counter[int]:
    found: Counter[int] = Counter()
    for seen in members.values():
        found.update(seen.values())
    return found


def _levels_in_use(
    levels: Mapping[int, int], members: Mapping[SeriesKey, Mapping[int, int]]
) -> dict[int, int]:
    if not levels:
        return {}
    used = _by_minute(members)
    return {minute: level for minute, level in levels.items() if minute in used}
