"""Tell how fast the error budget of an objective is spent, by the SRE workbook's windows; pure, a rule's memory.

A value is the share that was served, from 0 to 1. Time of which nothing is known spends nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

_BUCKET_SECONDS = 300
_HOUR = 3600 // _BUCKET_SECONDS


@dataclass(frozen=True, slots=True)
class Policy:
    """How much faster than the objective allows the budget may be spent, over a long and a short window."""

    window: str
    """The long window, as a rule names it."""
    factor: float
    long: int
    """In buckets; so is the short one, which says that it still goes on."""
    short: int


# The SRE workbook, chapter 5, table 5-8; its third line has 6 hours as the short window.
POLICIES = (
    Policy("1h", 14.4, _HOUR, 1),
    Policy("6h", 6.0, 6 * _HOUR, _HOUR // 2),
    Policy("3d", 1.0, 72 * _HOUR, 6 * _HOUR),
)
_KEPT = max(policy.long for policy in POLICIES)


@dataclass(frozen=True, slots=True)
class BurnMemory:
    """What each bucket of 5 minutes has spent (the mean of 1 less its values), oldest first, and the newest one."""

    newest: int = 0
    count: int = 0
    """How many values the newest bucket has."""
    spent: tuple[float, ...] = ()

    def to_record(self) -> list[float]:
        """Return it as JSON can keep it."""
        return [self.newest, self.count, *(round(one, 6) for one in self.spent)]

    @classmethod
    def from_record(cls, record: Sequence[float]) -> BurnMemory:
        """Return what `to_record` gave."""
        newest, count, *spent = record
        return cls(int(newest), int(count), tuple(spent))


@dataclass(frozen=True, slots=True)
class Burn:
    """A budget that is spent too fast: by which policy, and how many times as fast as the objective allows."""

    policy: Policy
    rate: float


def longest_seconds(windows: Collection[str]) -> float:
    """Return how long the longest of some of the long windows is."""
    lengths = [one.long for one in POLICIES if one.window in windows]
    return float(max(lengths, default=0) * _BUCKET_SECONDS)


def step(
    memory: BurnMemory, at_seconds: float, value: float, objective: float
) -> tuple[BurnMemory, Burn | None]:
    """Return the memory with a value of an instant, and the first policy by which the budget is spent too fast.

    `objective` is a share below 1. What is older than the newest bucket is left out.
    """
    memory = with_value(memory, at_seconds, value)
    return memory, burn_of(memory, objective, POLICIES)


def with_value(memory: BurnMemory, at_seconds: float, value: float) -> BurnMemory:
    """Return the memory with a value of an instant; what is older than the newest bucket is left out."""
    return _added(memory, int(at_seconds // _BUCKET_SECONDS), 1.0 - value)


def burn_of(
    memory: BurnMemory, objective: float, policies: Iterable[Policy]
) -> Burn | None:
    """Return the first policy by which the budget is spent too fast, if there is one."""
    budget = 1.0 - objective
    for policy in policies:
        rate = _mean(memory, policy.long) / budget
        if min(rate, _mean(memory, policy.short) / budget) > policy.factor:
            return Burn(policy, rate)
    return None


def _added(memory: BurnMemory, bucket: int, spent: float) -> BurnMemory:
    if not memory.spent:
        return BurnMemory(bucket, 1, (spent,))
    passed = bucket - memory.newest
    if passed < 0:
        return memory
    if passed == 0:
        count = memory.count + 1
        mean = memory.spent[-1] + (spent - memory.spent[-1]) / count
        return BurnMemory(bucket, count, (*memory.spent[:-1], mean))
    empty = (0.0,) * min(passed - 1, _KEPT)
    return BurnMemory(bucket, 1, (*memory.spent, *empty, spent)[-_KEPT:])


def _mean(memory: BurnMemory, length: int) -> float:
    """Return what the newest buckets have spent, as a share of so many."""
    return sum(memory.spent[-length:]) / length
