"""What a ledger remembers between two looks: who is tracked, what each should have left, what did not add up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

UserId: TypeAlias = int | str
"""As the table has it; of bytes what `binary_keys` writes."""

ALL_USERS = 2**32 - 1
"""The largest hash that a user can have: up to it everybody is looked at."""
_LATEST_SECONDS = 600.0
"""A row has its number from when it is written on, and is seen when its transaction ends."""
_MAX_AHEAD_SECONDS = 60.0
"""A look that is so much earlier than the last one is of another clock."""


Tokens: TypeAlias = int | Fraction
"""A whole number, as a rule; where a column has digits behind the point, all of them, since sums must add up."""


def tokens_as_written(tokens: Tokens) -> int | str:
    """Return tokens as people write them: `998` or `998.5`."""
    return tokens.numerator if tokens.denominator == 1 else str(float(tokens))


class DriftKind(StrEnum):
    """What may be wrong between the usage history and the balances."""

    UNDEDUCTED = "undeducted"
    """Logged as used, and not taken off the balance."""
    UNLOGGED = "unlogged"
    """Taken off the balance, and not logged; a small lowering by hand looks the same."""
    DOUBLE = "double"
    """Logged once, taken off twice."""
    SIGN = "sign"
    """Added where it had to be taken off."""
    AMOUNT = "amount"
    """Taken off, but another number than was logged."""
    WIPED = "wiped"
    """The balance became 0 without that use."""
    CLEARED = "cleared"
    """The balance became NULL: the rule about users without a balance tells of it."""
    ABOVE_LIMIT = "above_limit"
    """The balance rose above the limit, and the subscription did not change."""
    CREDIT = "credit"
    """The balance rose by more than was used: as a rule by hand, so that nobody is woken for it."""
    OVERWRITTEN = "overwritten"
    """Most balances of users who did nothing changed at once, all alike: an UPDATE without WHERE."""
    NEGATIVE = "negative"
    """The balance of a user who used nothing fell below 0: somebody wrote it."""
    MISLOGGED = "mislogged"
    """Taken off, and the row has no number, 0 or one below: what is wrong is the row, of which another rule tells."""
    LOWER = "lower"
    """Lower than the ledger says, not told yet in which way."""
    HIGHER = "higher"
    """Higher than the ledger says, not told yet in which way."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a user is given: a change of it is an upgrade, a downgrade, a cancel; then nothing is judged."""

    limit: Tokens = 0
    """The highest of the active subscriptions; 0 without one."""
    plan: str = "none"
    subscriptions: tuple[tuple[Tokens, str], ...] = ()
    """Limit and plan of each, in order."""


UNKNOWN_TERMS = Terms(plan="")
"""Those of a user who was not looked at yet."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the database says of one user at a look; `balance` None is NULL."""

    balance: Tokens | None
    terms: Terms

    @property
    def tokens(self) -> Tokens:
        """Return what can be used; NULL is nothing."""
        return self.balance or 0


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One row of the usage history; without a number it counts as 0 tokens."""

    id: int
    user: UserId
    tokens: Tokens
    user_hash: int
    """By which users are chosen, as the server computes it."""


@dataclass(frozen=True, slots=True)
class PastLook:
    """What was seen of a user at a look: its worth, and all that was logged by then."""

    at: float
    worth: Tokens
    total: Tokens


@dataclass(frozen=True, slots=True)
class LedgerUser:
    """One tracked user.

    Worth is the balance plus all that was logged since the user is tracked: use takes off one what it adds to the
    other, so that a worth that changes is not use. A call that is deducted and not yet logged lowers it meanwhile.
    All times are seconds since the ledger's origin.
    """

    id: UserId
    tracked_at: float
    used_at: float
    """When a row of it was last counted."""
    terms: Terms = UNKNOWN_TERMS
    balance: Tokens | None = None
    total: Tokens = 0
    level: Tokens | None = None
    """What the worth should be; None as long as nobody knows."""
    level_from: float = 0.0
    """Since when it was that."""
    low: Tokens | float = -math.inf
    high: Tokens | float = math.inf
    """Bounds of the level of somebody who is never quiet."""
    steady_at: float = 0.0
    """Since when the worth is what it is."""
    landed: Tokens = 0
    """What was logged since then."""
    left_at: float | None = None
    """Since when the worth is not the level."""
    moved: tuple[Tokens, ...] = ()
    """What was logged as it moved away from the level, in order."""
    past: tuple[PastLook, ...] = ()
    """The last looks, as far as calls may be under way; only where the level is not known."""
    empty_at: float | None = None
    """Since when the balance is 0 or NULL with a positive limit."""
    calls: int = 0
    calls_before: int = 0
    """Of all users, when this one was first tracked."""
    calls_at_empty: int = 0
    """Of all users, when this one's balance ran out."""
    hash: int = 0
    """By which it is chosen."""

    @property
    def worth(self) -> Tokens:
        """Return the balance and all that was logged."""
        return self.tokens + self.total

    @property
    def tokens(self) -> Tokens:
        """Return what can be used; NULL is nothing."""
        return self.balance or 0


@dataclass(frozen=True, slots=True)
class DriftEvent:
    """One time that a user's balance did not add up; `tokens` is how much it is too high, or below 0 too low."""

    at: float
    user: UserId
    kind: DriftKind
    tokens: Tokens
    users: int = 1

    @property
    def is_of_crowd(self) -> bool:
        """Return whether it stands for many users, and says nothing of this one alone."""
        return self.users > 1

    @property
    def is_loss_of_one(self) -> bool:
        """Return whether a user has less than was logged."""
        return self.tokens < 0 and not self.is_of_crowd

    @property
    def is_cleared_crowd(self) -> bool:
        """Return whether many balances became NULL at once."""
        return self.is_of_crowd and self.kind is DriftKind.CLEARED


@dataclass(frozen=True, slots=True)
class OngoingDrift:
    """Events of several users in one direction that are one fault, as far as can be seen."""

    direction: DriftKind
    """LOWER or HIGHER."""
    found_at: float
    kind: DriftKind | None = None
    """What it is told as until it ends; None while it waits for its name."""


@dataclass(frozen=True, slots=True)
class Refill:
    """Balances that the application filled up to the limit, once or more often."""

    at: float
    user: UserId
    plan: str
    times: int
    """0 where a full balance was full again after use: no use is known that emptied it."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A user whose balance was 0 or NULL, used something, and has a balance again."""

    at: float
    user: UserId


@dataclass(frozen=True, slots=True)
class MissingCalls:
    """Calls of users with an empty balance that were to be expected and did not come."""

    at: float
    """When they were last missed."""
    calls: float


@dataclass(frozen=True, slots=True)
class LoggingPace:
    """How fast calls are logged, as the ledger has seen it."""

    slow_seconds: float = 0.0
    """The longest time between deducting and logging that was proven, where it is longer than `settle`."""
    slow_at: float = 0.0
    prompt: float = 0.0
    """Looks at users with use that found their worth as it was; of the last hour or so."""
    changed: float = 0.0
    """Those that found another worth."""
    astray: float = 0.0
    """Those of them that found a worth of before again: a call had been under way."""


@dataclass(frozen=True, slots=True)
class LookMark:
    """The highest id that there was at a look."""

    at: float
    highest: int


@dataclass(frozen=True, slots=True)
class LedgerMemory:
    """All that a ledger knows; times are seconds since `origin`, so that they move with it when a clock is set."""

    origin: datetime
    looked_at: float = 0.0
    looks: int = 0
    highest: int = 0
    """Up to which id rows were read."""
    marks: tuple[LookMark, ...] = ()
    """As far back as a row may come late at most."""
    counted: tuple[int, ...] = ()
    """The ids above the oldest mark that were counted, ascending: what is among them later came late."""
    sample: int = ALL_USERS
    """Users with a hash up to it are looked at."""
    users: Mapping[UserId, LedgerUser] = field(default_factory=dict)
    calls: int = 0
    """All rows that were ever counted."""
    events: tuple[DriftEvent, ...] = ()
    """Of the last six hours."""
    drifts: tuple[OngoingDrift, ...] = ()
    refills: tuple[Refill, ...] = ()
    """Of the last hour; those without a known use that emptied the balance, of the last day."""
    looping: Mapping[UserId, int] = field(default_factory=dict)
    """How often each user was refilled lately, of those who were often."""
    leavings: tuple[Leaving, ...] = ()
    left_at: float = 0.0
    """When somebody's balance was last filled by use, and how many rows were counted by then."""
    calls_at_left: int = 0
    missing: MissingCalls | None = None
    """What is told of balances that are not filled up any more, until one is."""
    initializations: Mapping[str, int] = field(default_factory=dict)
    """How often a balance was filled up, by plan."""
    cancelled: int = 0
    """Events that were taken back, because the missing half came after all."""
    restarts: int = 0
    pace: LoggingPace = field(default_factory=LoggingPace)

    def brought_back(self, seen_at: datetime) -> LedgerMemory:
        """Return it as of a clock that is not ahead of this instant: else no time would pass until that comes."""
        now = (seen_at - self.origin).total_seconds()
        ahead_seconds = self.looked_at - now
        if ahead_seconds <= _MAX_AHEAD_SECONDS:
            return self
        origin = self.origin - timedelta(seconds=ahead_seconds)
        return replace(self, origin=origin)

    def is_empty(self, user: UserId) -> bool:
        """Return whether a user is tracked who has nothing."""
        known = self.users.get(user)
        return known is not None and known.tokens <= 0


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """What a ledger goes by."""

    settle: timedelta = timedelta(seconds=60)
    users: int = 2000
    loop: timedelta = timedelta(hours=1)
    """Within it several refills of one user are a loop."""
    day: timedelta = timedelta(hours=24)
    """So long somebody is tracked after the last use."""

    @property
    def settle_seconds(self) -> float:
        """Return the time between deducting and logging that is never exceeded."""
        return self.settle.total_seconds()

    @property
    def overlap_seconds(self) -> float:
        """Return for how long a row usually may come late: so much is read again at each look."""
        return 2 * self.settle_seconds

    @property
    def latest_seconds(self) -> float:
        """Return for how long a row may come late at most: so much is read again where one seems to be missing."""
        return max(_LATEST_SECONDS, self.overlap_seconds)


@dataclass(frozen=True, slots=True)
class LedgerPosition:
    """What the next look of a ledger begins with; `of` and `serial` as a cursor's."""

    of: str
    serial: int
    memory: LedgerMemory
    unfit: str = ""
    """Why rows cannot be read forward by the column; then there is no ledger."""
    checked_at: datetime | None = None
    is_of_other: bool = False
    """Whether another statement left it: what happened is remembered, and what each user should have is not known."""
