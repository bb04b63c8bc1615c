"""What is known of a user who is never quiet: bounds of the level; pure.

The level is never below a worth that was seen: a call that is under way lowers it. Nor is it above an earlier worth
and all that was logged since, as soon as all that was under way then must be logged.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

from monitor.model.ledger import DriftEvent, DriftKind, LedgerUser, PastLook, Tokens

_LAST_LOOKS = 2
"""Of calls that are under way few are at two looks, and bounds are broken no sooner than at the third."""


def bounded(
    user: LedgerUser, at: float, settle_seconds: float
) -> tuple[LedgerUser, DriftEvent | None]:
    """Return the user with the bounds that a look gives too; an event where they contradict those of before."""
    settled = at - settle_seconds
    past = (*user.past, PastLook(at, user.worth, user.total))
    newer = bisect_right(past, settled, key=_instant_of)
    past = past[max(0, newer - 1) :]
    user = replace(user, past=past)
    first = past[0]
    if first.at > settled:
        return user, None
    low = min(one.worth for one in past)
    high = first.worth + user.total - first.total
    event = broken_bounds(user, at, low, high)
    if event is not None:
        return replace(user, low=low, high=high), event
    return replace(user, low=max(low, user.low), high=min(high, user.high)), None


def _instant_of(look: PastLook) -> float:
    return look.at


def is_below_bounds(user: LedgerUser) -> bool:
    """Return whether the worth was below its bounds at the last looks: they will be broken unless a row comes."""
    last = [look.worth for look in user.past[-_LAST_LOOKS:]]
    return len(last) == _LAST_LOOKS and max(last) < user.low


def broken_bounds(
    user: LedgerUser, at: float, low: Tokens, high: Tokens
) -> DriftEvent | None:
    """Return by how much bounds contradict those of before; None where they do not."""
    if high < user.low:
        return DriftEvent(at, user.id, DriftKind.LOWER, _exact(high - user.low))
    if low > user.high:
        # Of a balance that rose nobody knows whether it was filled up.
        return DriftEvent(at, user.id, DriftKind.CREDIT, _exact(low - user.high))
    return None


def _exact(tokens: Tokens | float) -> Tokens:
    """Return a difference of what is finite, which is no float."""
    return int(tokens) if isinstance(tokens, float) else tokens
