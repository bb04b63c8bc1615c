"""What many users have in common at one look: balances overwritten, a storm of refills, or none any more; pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace

from monitor.model.ledger import (
    Account,
    DriftKind,
    LedgerMemory,
    LedgerUser,
    MissingCalls,
    Terms,
    Tokens,
    UserId,
)

MIN_OVERWRITTEN = 20
OVERWRITTEN_SHARE = 0.5
"""Of the users who did nothing so many have one new balance, or one difference."""
STORM_SECONDS = 120.0
MIN_STORM = 10
STORM_SHARE = 0.25
CLEARED_SECONDS = 3600.0
"""For so long users are filled up who lost their balance together with many."""
_GONE = Account(None, Terms(plan="gone"))
_FEW_CALLS = 20
"""Of so few calls altogether a share says nothing."""
_MIN_REST = 0.5
"""What is left of others' calls shows too little where it is less: shares of who was seen lately are too high."""
_QUIETEST = 0.05
"""A weekend's night has so much of the calls of an average hour."""
MIN_STOPPED = 8.0
"""So many calls of users with an empty balance would have been expected since."""
STOPPED_SECONDS = 24 * 3600.0
"""For so long at most it is told that nobody is filled up, after the last call was missed."""


@dataclass(frozen=True, slots=True)
class Overwritten:
    """Users whose balances changed all alike without use, by how many tokens altogether, and as what it is told."""

    users: frozenset[UserId]
    tokens: Tokens
    kind: DriftKind = DriftKind.OVERWRITTEN


@dataclass(slots=True)
class _IdleUsers:
    """How many users did nothing, and whose balances changed all the same: by new balance, and by difference."""

    count: int = 0
    by_balance: dict[Tokens | None, list[UserId]] = field(default_factory=dict)
    by_change: dict[Tokens, list[UserId]] = field(default_factory=dict)
    changes: dict[UserId, Tokens] = field(default_factory=dict)

    def add(self, user: LedgerUser, account: Account) -> None:
        """Add a user with what is left now."""
        after = account.balance
        if after == user.balance:
            self.count += 1
            return
        # Filled up to the limit, whoever it was that did it, is a renewal.
        if after == account.terms.limit:
            return
        self.count += 1
        change = account.tokens - user.tokens
        self.by_balance.setdefault(after, []).append(user.id)
        self.by_change.setdefault(change, []).append(user.id)
        self.changes[user.id] = change

    def most_alike(self) -> list[UserId]:
        """Return the largest number of users with one new balance, or one change."""
        groups = (*self.by_balance.values(), *self.by_change.values())
        return max(groups, key=len, default=[])


def overwritten(
    users: Iterable[LedgerUser],
    accounts: Mapping[UserId, Account],
    active: Container[UserId],
) -> Overwritten | None:
    """Return whose balances changed alike between two looks, where these are most of the idle ones."""
    idle = _IdleUsers()
    for user in users:
        # One who is gone has no terms that could be the same.
        account = accounts.get(user.id, _GONE)
        if account.terms == user.terms and user.id not in active:
            idle.add(user, account)
    alike = idle.most_alike()
    if len(alike) < max(MIN_OVERWRITTEN, OVERWRITTEN_SHARE * idle.count):
        return None
    tokens = sum(idle.changes[user] for user in alike)
    is_cleared = alike == idle.by_balance.get(None)
    kind = DriftKind.CLEARED if is_cleared else DriftKind.OVERWRITTEN
    return Overwritten(frozenset(alike), tokens, kind)


def storm_users(memory: LedgerMemory) -> int:
    """Return how many users' balances were just filled up, where these are many of those who are active; else 0.

    Also 0 where it is known that many balances became NULL: that is told, and this follows from it.
    """
    if _were_cleared(memory):
        return 0
    since = memory.looked_at - STORM_SECONDS
    active = {one.id for one in memory.users.values() if one.used_at >= since}
    left = {one.user for one in memory.leavings if one.at >= since} & active
    is_storm = len(left) >= max(MIN_STORM, STORM_SHARE * len(active))
    return len(left) * is_storm


def _were_cleared(memory: LedgerMemory) -> bool:
    since = memory.looked_at - CLEARED_SECONDS
    crowds = [one.at for one in memory.events if one.is_cleared_crowd]
    return bool(crowds) and crowds[-1] > since


def stopped_calls(memory: LedgerMemory, settle_seconds: float = 0.0) -> float:
    """Return how many calls of users with an empty balance are missing since any was filled up; 0 where few are.

    Of those who are so for longer than a call takes from its deduction to its row: before, a call that was made may
    not be seen yet.
    """
    latest = memory.looked_at - settle_seconds
    shares: dict[UserId, float] = {}
    for user in memory.users.values():
        if user.empty_at is not None and user.empty_at < latest:
            shares[user.id] = _share(user)
    rest = 1 - sum(shares.values())
    missing = 0.0
    for empty, share in shares.items():
        calls = _calls_since(memory.users[empty], memory, rest)
        missing += min(1.0, share * calls)
    return missing if missing >= MIN_STOPPED else 0.0


def missing_calls(
    memory: LedgerMemory, settle_seconds: float = 0.0
) -> MissingCalls | None:
    """Return what is told of balances that are not filled up; `memory.missing` is what was told before.

    That those who wait are gone, or have no subscription any more, is no proof that others would be filled up: from
    when it is told it goes on until somebody is.
    """
    calls = stopped_calls(memory, settle_seconds)
    if calls:
        return MissingCalls(memory.looked_at, calls)
    told = memory.missing
    if told is None or memory.left_at > told.at:
        return None
    return told if memory.looked_at - told.at < STOPPED_SECONDS else None


def without_own_calls(
    users: Mapping[UserId, LedgerUser], calls: int
) -> Mapping[UserId, LedgerUser]:
    """Return the users so that these calls are not taken for some of others: who made them is at 0 or NULL too.

    They may have been under way as the balance ran out, so they prove neither that it was filled up nor
    how time goes.
    """
    if not calls:
        return users
    return {
        user: replace(one, calls_at_empty=one.calls_at_empty + calls)
        if one.empty_at is not None
        else one
        for user, one in users.items()
    }


def _share(user: LedgerUser) -> float:
    """Return which share of all calls were this user's, before the balance ran out; of few calls less."""
    calls = user.calls_at_empty - user.calls_before
    return user.calls / (calls + _FEW_CALLS)


def _calls_since(user: LedgerUser, memory: LedgerMemory, rest: float) -> float:
    """Return how many calls all users would have made since this one's balance ran out, or any was filled up.

    At least: by what the others made, since a quiet night is no fault; and by the clock, where hardly anybody else
    is left, as in the quietest hour of a week.
    """
    since = max(user.calls_at_empty, memory.calls_at_left)
    of_others = (memory.calls - since) / max(rest, _MIN_REST)
    empty_at = max(user.empty_at or 0.0, memory.left_at)
    a_second = memory.calls / max(1.0, memory.looked_at)
    in_quietest = _QUIETEST * a_second * (memory.looked_at - empty_at)
    return max(of_others, in_quietest)
