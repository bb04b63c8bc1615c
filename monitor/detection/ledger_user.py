"""Follow one user from look to look: whether what is left and what was used still add up; pure.

A worth that stays the same for longer than a call can be under way is a level. Nobody needs to be quiet for that:
use does not change a worth. Of one who has calls under way at each look only bounds are known (ledger_bounds).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from monitor.detection.ledger_bounds import bounded, broken_bounds
from monitor.detection.ledger_kinds import (
    LedgerDifference,
    kind_of,
    refills_in,
    was_full_again,
)
from monitor.model.ledger import (
    Account,
    DriftEvent,
    DriftKind,
    LedgerUser,
    PastLook,
    Refill,
    Tokens,
)

LOST_SETTLES = 6.0
"""After so many times `settle` without a new level only bounds are known."""
FRESH_SETTLES = 2.0
"""For so many times `settle` from its begin a level may be too low by a call that took longer than that."""
MAX_MOVED = 100
"""So many calls explain a difference; of more the sums would be every number."""


@dataclass(frozen=True, slots=True)
class SettleTimes:
    """How long a worth must stand to be one that stays, in seconds."""

    quiet: float
    """Of a user without use: as long as a call may be under way."""
    gain: float = math.inf
    """Of one who goes on, where it rose: a call that is under way lowers it."""
    busy: float = math.inf
    """Of one who goes on; infinite unless nearly all calls are logged at once: then it is no chance."""

    @property
    def fresh(self) -> float:
        """Return for how long a level may be too low by a call that was under way; 0 where all are logged at once."""
        return FRESH_SETTLES * self.quiet * (self.busy == math.inf)

    @property
    def longest(self) -> float:
        """Return how long a worth must stand at most, as far as there is a limit."""
        waits = (self.quiet, self.gain, self.busy)
        return max(filter(math.isfinite, waits))

    @property
    def lost(self) -> float:
        """Return after how long a level that was left is given up."""
        return LOST_SETTLES * self.quiet


@dataclass(frozen=True, slots=True)
class UserLook:
    """What one look saw of one user: the account, and the tokens of its new rows in order of their ids."""

    at: float
    account: Account
    amounts: tuple[Tokens, ...] = ()
    calls: int = 0
    """Of all users, ever."""
    owed: Tokens = 0
    """What the last event of this user says was taken off and not logged; 0 where there is none."""

    @property
    def used(self) -> Tokens:
        """Return the sum of the new rows."""
        return sum(self.amounts)

    def is_moved(self, before: LedgerUser) -> bool:
        """Return whether the balance changed otherwise than by the new rows."""
        return self.account.tokens + self.used != before.tokens


class Course(Enum):
    """What became of the worth of a user who used something."""

    PROMPT = "prompt"
    """It is as it was: all that was deducted was logged."""
    CHANGED = "changed"
    ASTRAY = "astray"
    """It is again what it was before it changed."""


@dataclass(frozen=True, slots=True)
class UserStep:
    """The user after a look, and what the look found."""

    user: LedgerUser
    event: DriftEvent | None = None
    refill: Refill | None = None
    has_left_empty: bool = False
    """Whether a balance of 0 or NULL was filled."""
    is_served: bool = False
    """Whether who is at 0 or NULL for longer than a call takes has used something: filled, and empty again."""
    course: Course | None = None
    """What became of the worth of a user with use; None of one without."""
    is_cancelled: bool = False
    """Whether what was owed is logged after all, or given back."""
    slow_seconds: float = 0.0
    """For how long at least a call was deducted and not logged."""


def follow(before: LedgerUser, look: UserLook, times: SettleTimes) -> UserStep:
    """Return the user after one more look, and what it found."""
    is_still = not look.amounts and before.level == before.worth
    if is_still and look.account == Account(before.balance, before.terms):
        # As nearly all are at nearly each look.
        return UserStep(before)
    user = _counted(before, look)
    step = UserStep(_begun(user, look))
    if not _is_begun_anew(before, user, look):
        step = _moved_on(before, user, look, times)
        step = replace(step, course=_course(before, user, look))
    if before.empty_at is None:
        return step
    is_empty_for_long = look.at - before.empty_at >= times.quiet
    return replace(
        step,
        has_left_empty=user.tokens > 0,
        is_served=is_empty_for_long and bool(look.amounts),
    )


def _counted(user: LedgerUser, look: UserLook) -> LedgerUser:
    """Return the user with balance and rows of this look."""
    account = look.account
    user = replace(
        user,
        terms=account.terms,
        balance=account.balance,
        total=user.total + look.used,
        calls=user.calls + len(look.amounts),
        used_at=look.at if look.amounts else user.used_at,
    )
    # With a limit of 0 it stays empty.
    if account.tokens or account.terms.limit <= 0:
        return replace(user, empty_at=None)
    if user.empty_at is None:
        return replace(user, empty_at=look.at, calls_at_empty=look.calls)
    return user


def _is_begun_anew(before: LedgerUser, user: LedgerUser, look: UserLook) -> bool:
    """Return whether nothing of before can be compared: other terms, or filled up while no level was known."""
    if user.terms != before.terms:
        return True
    if user.level is not None:
        return False
    most = 2 * sum(max(one, -one) for one in look.amounts)
    is_filled_up = user.worth - before.worth > most
    # Or set to the limit from above it.
    return is_filled_up or before.tokens > user.terms.limit >= user.tokens


def _begun(user: LedgerUser, look: UserLook) -> LedgerUser:
    """Return a user of whom nothing is known but this look."""
    return replace(
        user,
        level=None,
        low=-math.inf,
        high=math.inf,
        steady_at=look.at,
        landed=0,
        left_at=None,
        moved=(),
        past=(PastLook(look.at, user.worth, user.total),),
    )


def _course(before: LedgerUser, user: LedgerUser, look: UserLook) -> Course | None:
    if not look.amounts:
        return None
    if user.worth == before.worth:
        return Course.PROMPT
    known = {before.level, *(one.worth for one in before.past)}
    return Course.ASTRAY if user.worth in known else Course.CHANGED


def _moved_on(
    before: LedgerUser, user: LedgerUser, look: UserLook, times: SettleTimes
) -> UserStep:
    if user.worth == before.worth:
        user = replace(user, landed=user.landed + look.used)
    else:
        moved = (*user.moved, *look.amounts)
        user = replace(user, steady_at=look.at, landed=0, moved=moved)
    if user.level is None:
        return _without_level(user, look, times)
    lacked = user.worth - user.level
    if lacked == 0:
        return _at_level(before, user, look)
    is_logged_after_all = look.used == lacked
    # A call that failed late: its tokens came back, and no row.
    is_given_back = look.used == 0 and lacked > 0
    if lacked == look.owed and (is_logged_after_all or is_given_back):
        slow_seconds = _proven_gap(before, user, look)
        return UserStep(_with_level(user), is_cancelled=True, slow_seconds=slow_seconds)
    if user.left_at is None:
        user = replace(user, left_at=look.at)
    return _away(user, look, times)


def _at_level(before: LedgerUser, user: LedgerUser, look: UserLook) -> UserStep:
    if user.left_at is None:
        return UserStep(replace(user, moved=()))
    slow_seconds = _proven_gap(before, user, look)
    return UserStep(_with_level(user), slow_seconds=slow_seconds)


def _proven_gap(before: LedgerUser, user: LedgerUser, look: UserLook) -> float:
    """Return for how long at least a call was under way that is logged now; 0 where it was not one call."""
    is_one_call = before.landed == 0 and look.used == user.worth - before.worth
    return look.at - before.steady_at if is_one_call else 0.0


def _away(user: LedgerUser, look: UserLook, times: SettleTimes) -> UserStep:
    """Judge a worth that is not the level, once it has settled."""
    level, left_at = user.level or 0, user.left_at or 0.0
    if _is_settled(user, look, times, is_gain=user.worth > level):
        return _judged(user, look, user.worth - level, times)
    is_lost = look.at - left_at > times.lost
    if is_lost or len(user.moved) > MAX_MOVED:
        return UserStep(_begun(user, look))
    return UserStep(user)


def _is_settled(
    user: LedgerUser, look: UserLook, times: SettleTimes, *, is_gain: bool
) -> bool:
    """Return whether a worth is what it will stay: nothing that was deducted can still be logged."""
    needed = times.gain if is_gain else times.busy
    if user.used_at <= user.steady_at:
        needed = times.quiet
    return look.at - user.steady_at >= needed


def _judged(
    user: LedgerUser, look: UserLook, tokens: Tokens, times: SettleTimes
) -> UserStep:
    balance = user.tokens + user.landed
    is_null = user.balance is None
    difference = LedgerDifference(
        tokens, balance, user.terms.limit, user.moved, is_null
    )
    after = _with_level(user)
    refills = refills_in(difference)
    if refills:
        refill = Refill(look.at, user.id, user.terms.plan, refills)
        return UserStep(after, refill=refill)
    if was_full_again(difference):
        return UserStep(after, refill=Refill(look.at, user.id, user.terms.plan, 0))
    kind = kind_of(difference)
    left_at = user.left_at or look.at
    is_fresh = left_at - user.level_from < times.fresh
    # A call that was under way when the level was taken, and is logged only now, looks the same.
    is_doubtful = kind is DriftKind.UNDEDUCTED and is_fresh
    if kind is None or is_doubtful:
        return UserStep(after)
    return UserStep(after, DriftEvent(look.at, user.id, kind, tokens))


def _with_level(user: LedgerUser) -> LedgerUser:
    return replace(
        user,
        level=user.worth,
        level_from=user.steady_at,
        low=user.worth,
        high=user.worth,
        left_at=None,
        moved=(),
        past=(),
    )


def _without_level(user: LedgerUser, look: UserLook, times: SettleTimes) -> UserStep:
    """Look for a level, or narrow the bounds of one."""
    user = replace(user, moved=())
    if _is_settled(user, look, times, is_gain=False):
        event = broken_bounds(user, look.at, user.worth, user.worth)
        return UserStep(_with_level(user), event)
    return UserStep(*bounded(user, look.at, times.quiet))
