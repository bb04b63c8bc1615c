"""Remember which share of a whole a series is, so that a part that grows with it is no change; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from statistics import median


@dataclass(frozen=True, slots=True)
class Whole:
    """What a series is a part of, in one result, and how long its rule looks at results."""

    size: float | None = None
    """How many there are; None where the rule does not say of what."""
    rule_began: float = inf
    """When the rule saw its first result; what was in that is what there is, whatever it is."""


NO_WHOLE = Whole()


def with_share(
    shares: Mapping[int, float], bucket: int, share: float | None
) -> dict[int, float]:
    """Return the shares with one more, by the numbers of their buckets; without those of after it."""
    kept = {one: known for one, known in shares.items() if one <= bucket}
    return kept if share is None else {**kept, bucket: share}


def learned_share(
    shares: Mapping[int, float], bucket: int, share: float, accept_buckets: int
) -> float:
    """Return a share as it is learned: what is known moves to it no faster than a change is accepted.

    A fault that creeps in would else be what there is, before it is large enough to be found.
    """
    if not shares:
        return share
    last = max(shares)
    known = shares[last]
    part = min(1.0, max(0, bucket - last) / max(1, accept_buckets))
    return known + part * (share - known)


def grown_with(whole: Whole, shares: Mapping[int, float]) -> tuple[float, ...]:
    """Return what a part would be that had grown as the whole did; nothing where that is not known."""
    if not shares or whole.size is None:
        return ()
    return (median(shares.values()) * whole.size,)
