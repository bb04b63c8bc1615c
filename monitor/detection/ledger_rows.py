"""Count new rows of the usage history once each, and choose who is tracked: the first half of a look; pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.model.binary_keys import key_of
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


@dataclass(frozen=True, slots=True)
class Taken:
    """The memory with the new rows counted, and the tokens of each tracked user who has some, in order of the ids."""

    memory: LedgerMemory
    amounts: Mapping[UserId, tuple[Tokens, ...]] = field(default_factory=dict)


def user_hash(user: UserId) -> int:
    """Return the stable hash by which users are chosen: the same as CRC32() of a server gives."""
    key = key_of(str(user))
    return zlib.crc32(key if isinstance(key, bytes) else key.encode())


def rows_since(memory: LedgerMemory) -> int:
    """Return above which id rows are to be read: also those that may have come late."""
    return memory.marks[0].highest if memory.marks else memory.highest


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
    new = sorted((row for row in rows if row.id not in known), key=_id_of)
    memory = _with_users(memory, [row.user for row in new], at, settings)
    amounts: dict[UserId, tuple[Tokens, ...]] = {}
    for row in new:
        if row.user in memory.users:
            amounts[row.user] = (*amounts.get(row.user, ()), row.tokens)
    marks = _kept_marks((*memory.marks, LookMark(at, highest)), at, settings)
    known.update(row.id for row in new)
    counted = tuple(sorted(one for one in known if one > marks[0].highest))
    calls = memory.calls + sum(len(tokens) for tokens in amounts.values())
    taken = replace(memory, highest=highest, marks=marks, counted=counted, calls=calls)
    return Taken(taken, amounts)


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
    memory = _with_users(memory, [row.user for row in rows], at, settings)
    return replace(
        memory,
        highest=highest,
        marks=(LookMark(at, lowest), LookMark(at, highest)),
        counted=tuple(sorted(row.id for row in rows if row.id > lowest)),
    )


def _kept_marks(
    marks: Sequence[LookMark], at: float, settings: LedgerSettings
) -> tuple[LookMark, ...]:
    """Return the marks from the newest one on below which nothing comes any more."""
    oldest = at - settings.overlap_seconds
    settled = [place for place, mark in enumerate(marks) if mark.at <= oldest]
    first = settled[-1] if settled else 0
    return tuple(marks[first:])


def _with_users(
    memory: LedgerMemory, seen: Iterable[UserId], at: float, settings: LedgerSettings
) -> LedgerMemory:
    """Return the memory with those who are tracked: with the smallest hashes of those who used something in a day.

    Most recent users would be others at each look, and nobody would be seen twice.
    """
    oldest = at - settings.day.total_seconds()
    users = {one.id: one for one in memory.users.values() if one.used_at > oldest}
    for user in seen:
        if user not in users:
            users[user] = LedgerUser(user, at, at, calls_before=memory.calls)
    sample = memory.sample
    if len(users) > settings.users:
        chosen = sorted(users, key=_order)[: settings.users]
        users = {user: users[user] for user in chosen}
        sample = user_hash(chosen[-1])
    elif len(users) < 0.9 * settings.users:
        sample = min(ALL_USERS, 2 * sample + 1)
    return replace(memory, users=users, sample=sample)


def _order(user: UserId) -> tuple[int, str]:
    return user_hash(user), str(user)
