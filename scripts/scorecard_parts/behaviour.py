"""What the application does with a call, part by part; an incident replaces a part of it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

ACTIONS: Mapping[str, tuple[tuple[int, ...], float]] = {
    "rewrite": (tuple(range(500, 2001, 100)), 0.35),
    "seo_title": ((300,), 0.20),
    "meta_description": ((400,), 0.15),
    "write_more": ((1500,), 0.10),
    "find_image": ((100,), 0.20),
}
"""What a use of each feature may cost in tokens, and which share of the calls it has."""


@dataclass(frozen=True, slots=True)
class Call:
    """A user asks for a feature."""

    user_id: int
    action: str
    cost: int
    at: datetime
    chance: float
    """Drawn for each call: below a share it is one of those that go wrong."""
    plan: str = ""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """A row of the usage history."""

    user_id: int
    tokens_used: int | None
    action: str
    created_at: datetime | None

    def row(self) -> tuple[object, ...]:
        """Return it as it is inserted."""
        at = self.created_at
        return (
            self.user_id,
            self.tokens_used,
            self.action,
            None if at is None else at.replace(tzinfo=None),
        )


def user_chance(user_id: int) -> float:
    """Return a number from 0 to 1 that is always the same for a user: below a share he is one of those."""
    digest = hashlib.blake2b(str(user_id).encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 2**32


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The documented flow; each field is a step of it."""

    volume: Callable[[datetime], float] = lambda _at: 1.0
    """How many times as many calls as usual."""
    is_made: Callable[[Call], bool] = lambda _call: True
    is_initialised: Callable[[Call], bool] = lambda _call: True
    """Whether a balance of NULL or 0 is filled up."""
    deducted: Callable[[Call, int], int] = lambda call, balance: balance - call.cost
    """The balance after a call."""
    logged: Callable[[Call, Use], tuple[Use, ...]] = lambda _call, use: (use,)
    """The rows of the history that a call leaves."""
    log_delay: timedelta = timedelta(0)
    """How long a row waits before it is inserted."""
    busy_users: Mapping[int, float] = field(default_factory=dict)
    """Calls a minute of users who do something else than usual."""
    subscribes: bool = True
    """Whether who signs up gets a subscription."""
    columns_read: str = "u.full_name"
    """What else the application reads of a user."""


USUAL = Behaviour()
