"""Say when rows that come very late are looked for, and which of them are counted; part of a look of a ledger, pure.

A row has its number from when it is written on, and is seen when its transaction ends: with a lower number than rows
that were read minutes before. Without it, what was taken off looks as if it was not logged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from monitor.detection.ledger_bounds import is_below_bounds
from monitor.detection.ledger_told import last_losses
from monitor.model.ledger import (
    LedgerMemory,
    LedgerSettings,
    LedgerUser,
    Tokens,
    UsageRow,
    UserId,
)

_LACKING_SETTLES = 0.25
"""With calls under way few stay for so long at what is not their level, and nothing is told so soon."""


def seems_to_miss_rows(memory: LedgerMemory, settings: LedgerSettings) -> bool:
    """Return whether somebody stays at another balance than was logged for longer than most calls take."""
    if _losses(memory, settings):
        return True
    since = memory.looked_at - settings.settle_seconds * _LACKING_SETTLES
    return any(_stays_away(user, since) for user in memory.users.values())


def _stays_away(user: LedgerUser, since: float) -> bool:
    if user.level is None:
        return is_below_bounds(user)
    # Also who has more: a row that is missing makes a renewal look like something else.
    return user.left_at is not None and user.steady_at <= since


def late_that_count(
    late: Iterable[UsageRow],
    memory: LedgerMemory,
    settings: LedgerSettings,
) -> Iterable[UsageRow]:
    """Yield those of the late rows of tracked users that explain why these have another balance than was logged.

    Others were taken off before their user had a level, or are lacking only from this look on.
    """
    losses = _losses(memory, settings)
    oldest = memory.marks[0].at
    lacking: dict[UserId, Tokens | float] = {}
    for row in late:
        user = memory.users[row.user]
        left = lacking.get(user.id, max(_lack(user), losses.get(user.id, 0)))
        # None of its rows can have come before it was first looked at.
        is_known_whole = user.tracked_at < oldest
        is_away = user.left_at is not None
        if (is_away and is_known_whole) or row.tokens <= left:
            lacking[user.id] = left - row.tokens
            yield row


def _lack(user: LedgerUser) -> Tokens | float:
    """Return by how much the worth is lower than it should be; of one without a level it may be by any number."""
    return math.inf if user.level is None else user.level - user.worth


def _losses(memory: LedgerMemory, settings: LedgerSettings) -> Mapping[UserId, Tokens]:
    """Return what the last loss of each user was that was found in as long as a row may come late."""
    return last_losses(memory.events, memory.looked_at - settings.latest_seconds)
