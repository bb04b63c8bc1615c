"""Count new rows of the usage history once each, and choose who is tracked: the first half of a look; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.detection.ledger_late import late_that_count, seems_to_miss_rows
from monitor.model.ledger import (
    ALL_USERS,
    UNKNOWN_TERMS,
    LedgerMemory,
    LedgerSettings,
    LedgerUser,
    LookMark,
    Tokens,
    UsageRow,
    UserId,
)

RECENT_IDS = 2000
"""At a beginning so many ids below the highest are looked at again: a row among them may still come."""
_FEWEST_MARKS = 24
"""Those of ten minutes at the shipped interval, and of as many looks as it takes to see that a row is missing."""
MAX_IDS = 200_000
"""Of more new rows none is read: what the users should have left is then found out anew."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The memory with the new rows counted, and the tokens of each tracked user who has some, in order of the ids."""

    memory: LedgerMemory
    amounts: Mapping[UserId, tuple[Tokens, ...]] = field(default_factory=dict)


def rows_since(memory: LedgerMemory, highest: int, settings: LedgerSettings) -> int:
    """Return above which id rows are to be read: also those that may have come late."""
    usual = _usual_since(memory, settings)
    earliest = memory.marks[0].highest if memory.marks else usual
    can_be_read = highest - earliest <= MAX_IDS
    if can_be_read and seems_to_miss_rows(memory, settings):
        return earliest
    return usual


def _usual_since(memory: LedgerMemory, settings: LedgerSettings) -> int:
    marks = _marks_of_last(settings.overlap_seconds, memory.marks, memory.looked_at)
    return marks[0].highest if marks else memory.highest


def begun(
    rows: Iterable[UsageRow], highest: int, at: datetime, settings: LedgerSettings
) -> Taken:
    """Return a memory that begins now; these rows say who is there, and count as read."""
    memory = LedgerMemory(at)
    return Taken(_from_here(memory, rows, highest, 0.0, settings))


def begun_anew(
    memory: LedgerMemory,
    rows: Iterable[UsageRow],
    highest: int,
    at: float,
    settings: LedgerSettings,
) -> Taken:
    """Return a memory of the same users that knows no level: the history was emptied, or too much was missed."""
    users = {one.id: begun_at_next_look(one) for one in memory.users.values()}
    fresh = replace(memory, users=users, restarts=memory.restarts + 1)
    return Taken(_from_here(fresh, rows, highest, at, settings))


def begun_by_other_statement(
    memory: LedgerMemory,
    rows: Iterable[UsageRow],
    highest: int,
    at: float,
    settings: LedgerSettings,
) -> Taken:
    """Return a memory of who is in these rows, and of what was found: whom another statement gave are others.

    Those to whom something happened stay: it is told for as long as they have nothing.
    """
    found = {event.user for event in memory.events}
    users = {
        one.id: replace(one, empty_at=None)
        for one in memory.users.values()
        if one.id in found
    }
    others = replace(memory, users=users, sample=ALL_USERS)
    return begun_anew(others, rows, highest, at, settings)


def begun_at_next_look(user: LedgerUser) -> LedgerUser:
    """Return a user of whom nothing is compared with before, but for how much was used."""
    return replace(user, terms=UNKNOWN_TERMS)


def take_rows(
    memory: LedgerMemory,
    rows: Iterable[UsageRow],
    highest: int,
    at: float,
    settings: LedgerSettings,
) -> Taken:
    """Count the rows that are new; `rows` are those above `rows_since`, `at` is seconds since the origin."""
    known = set(memory.counted)
    unseen = sorted((row for row in rows if row.id not in known), key=_id_of)
    late_until = _usual_since(memory, settings)
    prompt = [row for row in unseen if row.id > late_until]
    memory = _with_users(memory, prompt, at, settings)
    late = [row for row in unseen if row.id <= late_until and row.user in memory.users]
    counting = [*late_that_count(late, memory, settings), *prompt]
    amounts = _amounts_of(counting, memory)
    marks = _kept_marks((*memory.marks, LookMark(at, highest)), at, settings)
    known.update(row.id for row in counting)
    counted = tuple(sorted(one for one in known if one > marks[0].highest))
    calls = memory.calls + sum(len(tokens) for tokens in amounts.values())
    taken = replace(memory, highest=highest, marks=marks, counted=counted, calls=calls)
    return Taken(taken, amounts)


def _amounts_of(
    rows: Iterable[UsageRow], memory: LedgerMemory
) -> Mapping[UserId, tuple[Tokens, ...]]:
    """Return the tokens of the rows of each tracked user, in their order."""
    amounts: dict[UserId, tuple[Tokens, ...]] = {}
    for row in rows:
        if row.user in memory.users:
            amounts[row.user] = (*amounts.get(row.user, ()), row.tokens)
    return amounts


def _id_of(row: UsageRow) -> int:
    return row.id


def _from_here(
    memory: LedgerMemory,
    rows: Iterable[UsageRow],
    highest: int,
    at: float,
    settings: LedgerSettings,
) -> LedgerMemory:
    rows = tuple(rows)
    lowest = max(0, highest - RECENT_IDS)
    memory = _with_users(memory, rows, at, settings)
    return replace(
        memory,
        highest=highest,
        marks=(LookMark(at, lowest), LookMark(at, highest)),
        counted=tuple(sorted(row.id for row in rows if row.id > lowest)),
    )


def _kept_marks(
    marks: Sequence[LookMark], at: float, settings: LedgerSettings
) -> tuple[LookMark, ...]:
    """Return the marks without those below which nothing comes any more."""
    kept = _marks_of_last(settings.latest_seconds, marks, at)
    # After a time without looks more are needed: what ended meanwhile is missed by the looks that follow.
    fewest = marks[-_FEWEST_MARKS:]
    return tuple(kept if len(kept) > len(fewest) else fewest)


def _marks_of_last(
    seconds: float, marks: Sequence[LookMark], at: float
) -> Sequence[LookMark]:
    """Return the marks from the newest one on that is so old: below it nothing comes that is not older."""
    oldest = at - seconds
    settled = [place for place, mark in enumerate(marks) if mark.at <= oldest]
    first = settled[-1] if settled else 0
    return marks[first:]


def _with_users(
    memory: LedgerMemory, seen: Iterable[UsageRow], at: float, settings: LedgerSettings
) -> LedgerMemory:
    """Return the memory with those who are tracked: with the smallest hashes of those who used something in a day.

    Most recent users would be others at each look, and nobody would be seen twice.
    """
    oldest = at - settings.day.total_seconds()
    users = {one.id: one for one in memory.users.values() if one.used_at > oldest}
    for row in seen:
        if row.user not in users:
            users[row.user] = LedgerUser(
                row.user, at, at, calls_before=memory.calls, hash=row.user_hash
            )
    sample = memory.sample
    if len(users) > settings.users:
        chosen = sorted(users.values(), key=_order)[: settings.users]
        users = {user.id: user for user in chosen}
        sample = chosen[-1].hash
    elif len(users) < 0.9 * settings.users:
        sample = min(ALL_USERS, 2 * sample + 1)
    return replace(memory, users=users, sample=sample)


def _order(user: LedgerUser) -> tuple[int, str]:
    return user.hash, str(user.id)
