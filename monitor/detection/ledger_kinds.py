"""Say what a difference between ledger and balance is, by its size and what was used meanwhile; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from monitor.model.ledger import DriftKind, Tokens

_MAX_SUMS = 4000
"""So many sums of amounts are looked at; beyond them most numbers are one."""


@dataclass(frozen=True, slots=True)
class LedgerDifference:
    """How much the worth of a user moved, and what there was to explain it."""

    tokens: Tokens
    """Above 0 the balance is higher than it should be."""
    balance: Tokens
    """As it was when the worth had moved; NULL is 0."""
    limit: Tokens
    amounts: tuple[Tokens, ...] = ()
    """What was logged as it moved, in order."""
    is_null: bool = False
    """Whether the balance is NULL now."""

    @property
    def taken(self) -> tuple[Tokens, ...]:
        """Return the amounts that had to be taken off."""
        return tuple(one for one in self.amounts if one > 0)


def refills_in(one: LedgerDifference) -> int:
    """Return how often the balance was filled up to the limit; rounded down, so that it is a lower bound."""
    if one.limit < max(1, one.balance):
        return 0
    refills, rest = divmod(one.tokens, one.limit)
    used = sum(one.taken)
    is_other = used > 0 and one.tokens in (used, 2 * used)
    # Just what was used: then it was not taken off, unless limits explain it as well.
    return 0 if rest and is_other else max(0, refills)


def kind_of(one: LedgerDifference) -> DriftKind | None:
    """Return what explains a difference that is not refills; None: it was set to the limit."""
    tests = _GAINS if one.tokens > 0 else _LOSSES
    for is_so, kind in tests:
        if is_so(one):
            return kind
    return DriftKind.AMOUNT


def was_full_again(one: LedgerDifference) -> bool:
    """Return whether a full balance was used and is full: once it is a renewal, again and again nothing is taken off.

    Only what was used since is off it, and it lacks nothing of what was used before.
    """
    used = sum(one.taken)
    is_as_before = 0 < one.tokens == used
    return is_as_before and one.limit == one.balance


def calls_for(tokens: Tokens | float, amounts: Sequence[Tokens]) -> float:
    """Return the smallest number of these amounts that add up to so many tokens; infinite where none do."""
    fewest: dict[Tokens | float, int] = {0: 0}
    for amount in amounts:
        for total, calls in list(fewest.items()):
            known = fewest.get(total + amount, calls + 1)
            fewest[total + amount] = min(known, calls + 1)
        if len(fewest) > _MAX_SUMS:
            break
    return fewest.get(tokens, math.inf)


def _may_be_sum(tokens: Tokens, amounts: Sequence[Tokens]) -> bool:
    """Return whether some of these amounts may add up to so many tokens; of too many amounts any number may."""
    sums: set[Tokens] = {0}
    for amount in amounts:
        sums |= {one + amount for one in sums}
        if len(sums) > _MAX_SUMS:
            return 0 <= tokens <= sum(amounts)
    return tokens in sums


def _was_filled_up(one: LedgerDifference) -> bool:
    """Return whether the balance was the limit at some moment, and only what was used since is off it."""
    used_since = accumulate(reversed(one.amounts), initial=0)
    return one.limit - one.balance in set(used_since)


def _was_filled_up_among_calls(one: LedgerDifference) -> bool:
    """Return the same where calls were under way: what was taken off before it may be logged after it."""
    return _may_be_sum(one.limit - one.balance, one.taken)


def _nothing_was_taken(one: LedgerDifference) -> bool:
    return one.tokens == sum(one.taken)


def _was_added(one: LedgerDifference) -> bool:
    # Of several explanations the one that takes the fewest calls.
    return calls_for(one.tokens / 2, one.taken) < calls_for(one.tokens, one.taken)


def _was_not_taken(one: LedgerDifference) -> bool:
    return calls_for(one.tokens, one.taken) < math.inf


def _is_above_limit(one: LedgerDifference) -> bool:
    before = one.balance - one.tokens
    return 0 < one.limit < one.balance and before <= one.limit


def _is_more_than_used(one: LedgerDifference) -> bool:
    return one.tokens > sum(one.taken)


def _is_cleared(one: LedgerDifference) -> bool:
    return one.is_null


def _is_empty(one: LedgerDifference) -> bool:
    return one.balance == 0


def _was_written_below_zero(one: LedgerDifference) -> bool:
    # Two calls at once get there too, and have their rows.
    return not one.amounts and one.balance < 0


def _has_no_rows(one: LedgerDifference) -> bool:
    return not one.amounts


def _has_wrong_rows(one: LedgerDifference) -> bool:
    return min(one.amounts) <= 0


def _was_taken_twice(one: LedgerDifference) -> bool:
    return calls_for(-one.tokens, one.taken) < math.inf


_Tests: TypeAlias = Sequence[
    tuple[Callable[[LedgerDifference], bool], DriftKind | None]
]

_GAINS: Final[_Tests] = (
    (_was_filled_up, None),
    (_nothing_was_taken, DriftKind.UNDEDUCTED),
    (_was_filled_up_among_calls, None),
    (_was_added, DriftKind.SIGN),
    (_was_not_taken, DriftKind.UNDEDUCTED),
    (_is_above_limit, DriftKind.ABOVE_LIMIT),
    (_is_more_than_used, DriftKind.CREDIT),
)
_LOSSES: Final[_Tests] = (
    # Also from above it: a renewal takes off what was topped up.
    (_was_filled_up, None),
    (_is_cleared, DriftKind.CLEARED),
    (_is_empty, DriftKind.WIPED),
    (_was_written_below_zero, DriftKind.NEGATIVE),
    (_has_no_rows, DriftKind.UNLOGGED),
    # Before what it may be by chance: whatever the row should have said, it is the row that is wrong.
    (_has_wrong_rows, DriftKind.MISLOGGED),
    (_was_taken_twice, DriftKind.DOUBLE),
)
"""What explains a difference, the first that does."""
