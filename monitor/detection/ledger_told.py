"""Decide which events are told, and as what: single ones are information, those of several users a fault; pure.

A drift has one name from when it is told until it ends: one cause is one alert. So that the name is a good one, it is
told as soon as its events agree, and otherwise only after a while, by its direction alone.

Balances that somebody wrote over are no drift of calls: most idle ones changed alike at once (ledger_crowd), or those
of several users became 0 or less without a use. They are told as long as it is to be seen: who was emptied
stays so until the balance is repaired, or filled by a use.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Final

from monitor.model.ledger import (
    DriftEvent,
    DriftKind,
    LedgerMemory,
    OngoingDrift,
    Tokens,
    UserId,
)

EVENTS_SECONDS = 900.0
"""Events begin a drift together within so long, and it goes on for so long after the last one."""
SLOW_SECONDS = 6 * 3600.0
"""Events of a fault of few calls come together within so long."""
MIN_EVENTS = 3
MIN_USERS = 2
"""So many events of so many users are a population: a person who lowers one balance by hand is none."""
MIN_NAMED = 5
"""From so many events on their kind is what most of them are; of fewer what all of them are."""
MIN_SLOW_EVENTS = 5
MIN_SLOW_USERS = 3
MIN_ABOVE_LIMIT = 10
"""So many users whose balance rose above the limit are more than top-ups that somebody paid for."""
NAMING_SECONDS = 120.0
"""So long a drift waits for its name."""
MOST_SILENT_SECONDS = 3 * 3600.0
"""So long without an event at most a drift goes on that comes slowly."""
_MIXED_SHARE: Final = 0.2
_DIRECTIONS: Final = (DriftKind.HIGHER, DriftKind.LOWER)
_OVERWRITTEN: Final = DriftKind.OVERWRITTEN
_TOLD_SECONDS: Final = MappingProxyType(
    {
        # Nobody can see that these were put right.
        DriftKind.OVERWRITTEN: 3600.0,
        DriftKind.WIPED: EVENTS_SECONDS,
        DriftKind.NEGATIVE: EVENTS_SECONDS,
    }
)
"""For so long it is told that a balance was written over, also where it is not empty any more."""
TOLD_KINDS: Final = (
    DriftKind.UNDEDUCTED,
    DriftKind.UNLOGGED,
    DriftKind.DOUBLE,
    DriftKind.SIGN,
    DriftKind.AMOUNT,
    DriftKind.ABOVE_LIMIT,
    *_DIRECTIONS,
)
"""What a drift is told as."""
_NOT_OF_CALLS: Final = (
    DriftKind.ABOVE_LIMIT,
    DriftKind.CREDIT,
    DriftKind.CLEARED,
    DriftKind.MISLOGGED,
)
_APART: Final = MappingProxyType(
    {
        **dict.fromkeys(_TOLD_SECONDS, _OVERWRITTEN),
        **dict(zip(_NOT_OF_CALLS, _NOT_OF_CALLS, strict=True)),
    }
)
OF_CALLS: Final = (DriftKind.UNDEDUCTED, DriftKind.DOUBLE, DriftKind.SIGN)
"""Just as large as calls: nobody changes a balance by hand so."""


@dataclass(frozen=True, slots=True)
class Told:
    """Events that are told together, as one cause, and as what."""

    kind: DriftKind
    events: tuple[DriftEvent, ...]


def told_events(memory: LedgerMemory) -> Sequence[Told]:
    """Return what there is to tell as drift: what is above its limit, and the drift of each direction."""
    groups = _grouped(memory.events, memory.looked_at)
    told = [
        Told(drift.kind, tuple(groups[drift.direction].events))
        for drift in memory.drifts
        if drift.kind is not None
    ]
    above = groups[DriftKind.ABOVE_LIMIT]
    if above.is_several(MIN_ABOVE_LIMIT, MIN_ABOVE_LIMIT):
        told.append(Told(DriftKind.ABOVE_LIMIT, tuple(above.recent)))
    return told


def counts_by_kind(memory: LedgerMemory) -> Mapping[DriftKind, int]:
    """Return how many events are told, by what they are told as."""
    return {one.kind: len(one.events) for one in told_events(memory)}


def overwriting_events(memory: LedgerMemory) -> Sequence[DriftEvent]:
    """Return the events of balances that were written over, the oldest first; one of a crowd has many users."""
    seen: list[DriftEvent] = []
    for event in _grouped(memory.events, memory.looked_at)[_OVERWRITTEN].events:
        age_seconds = memory.looked_at - event.at
        is_recent = age_seconds < _TOLD_SECONDS[event.kind]
        # Of a crowd it is one of them.
        if is_recent or memory.is_empty(event.user):
            seen.append(event)
    return seen if are_overwriting(seen) else ()


def are_overwriting(events: Sequence[DriftEvent]) -> bool:
    """Return whether many changed at once, or several together: what somebody does to one by hand is neither."""
    if any(event.is_of_crowd for event in events):
        return True
    users = {event.user for event in events}
    later = events[MIN_EVENTS - 1 :]
    shortest = EVENTS_SECONDS
    for first, last in zip(events, later, strict=False):
        took_seconds = last.at - first.at
        shortest = min(shortest, took_seconds)
    are_several = len(users) >= MIN_USERS
    return are_several and shortest < EVENTS_SECONDS


def last_losses(events: Iterable[DriftEvent], since: float) -> dict[UserId, Tokens]:
    """Return what the last loss of each user is that was found after an instant."""
    return {
        event.user: -event.tokens
        for event in events
        if event.at > since and event.is_loss_of_one
    }


def ongoing_drifts(memory: LedgerMemory) -> tuple[OngoingDrift, ...]:
    """Return the drift of each direction that begins, goes on or waits for its name; `drifts` are those of before."""
    groups = _grouped(memory.events, memory.looked_at)
    before = {drift.direction: drift for drift in memory.drifts}
    drifts = []
    for direction in _DIRECTIONS:
        known = before.get(direction, OngoingDrift(direction, memory.looked_at))
        drift = _next(known, groups[direction])
        if drift is not None:
            drifts.append(drift)
    return tuple(drifts)


def _next(drift: OngoingDrift, group: _Group) -> OngoingDrift | None:
    """Return a drift after a look; None where there is none, or none any more."""
    if not group.is_going_on:
        # Nor is one taken up again that is over: what comes slowly is remembered for hours.
        return None
    if drift.kind is not None:
        return drift
    kind = group.slow_kind
    if group.is_several(MIN_EVENTS, MIN_USERS):
        waited_seconds = group.at - drift.found_at
        is_due = waited_seconds >= NAMING_SECONDS
        kind = group.name(drift.direction, is_due=is_due)
    elif kind is None:
        return None
    return replace(drift, kind=kind)


def _grouped(events: Iterable[DriftEvent], at: float) -> Mapping[DriftKind, _Group]:
    """Return events by direction, those apart that are told for themselves, by another rule or never."""
    groups: Mapping[DriftKind, _Group] = defaultdict(partial(_Group, at))
    for event in events:
        direction = _DIRECTIONS[event.tokens < 0]
        groups[_APART.get(event.kind, direction)].add(event)
    return groups


@dataclass(slots=True)
class _Group:
    """Events of one direction, the oldest first."""

    at: float
    events: list[DriftEvent] = field(default_factory=list)
    _of_kind: dict[DriftKind, list[DriftEvent]] = field(
        default_factory=partial(defaultdict, list)
    )

    def add(self, event: DriftEvent) -> None:
        """Add an event that is newer than the others."""
        self.events.append(event)
        self._of_kind[event.kind].append(event)

    @property
    def recent(self) -> list[DriftEvent]:
        """Return those that begin a drift together."""
        return [one for one in self.events if self.at - one.at < EVENTS_SECONDS]

    def is_several(self, min_events: int, min_users: int) -> bool:
        """Return whether the recent ones are so many, of so many users."""
        return _is_several(self.recent, min_events, min_users)

    @property
    def slow_kind(self) -> DriftKind | None:
        """Return the kind of a fault of few calls; None where there is none."""
        for kind in OF_CALLS:
            if _is_several(self._of_kind[kind], MIN_SLOW_EVENTS, MIN_SLOW_USERS):
                return kind
        return None

    @property
    def is_going_on(self) -> bool:
        """Return whether the last event is not longer ago than twice what the last few took to come."""
        last = [one.at for one in self.events[-MIN_SLOW_EVENTS:]]
        if not last:
            return False
        took_seconds = min(2 * (last[-1] - last[0]), MOST_SILENT_SECONDS)
        return self.at - last[-1] < max(EVENTS_SECONDS, took_seconds)

    def name(self, unnamed: DriftKind, *, is_due: bool) -> DriftKind | None:
        """Return what the recent events are; of few that disagree None, and when it is due the direction alone."""
        recent = self.recent
        kinds = Counter(one.kind for one in recent)
        kinds[unnamed] = 0
        ((kind, count),) = kinds.most_common(1)
        if len(recent) >= MIN_NAMED:
            return DriftKind.UNLOGGED if _are_unlogged(kinds) else kind
        # A call without a row among others looks like another amount: of few events that says little.
        is_clear = is_due or kind is not DriftKind.AMOUNT
        if is_clear and count == len(recent):
            return kind
        return unnamed if is_due else None


def _is_several(events: Sequence[DriftEvent], min_events: int, min_users: int) -> bool:
    users = {one.user for one in events}
    lacking = max(min_events - len(events), min_users - len(users))
    return lacking <= 0


def _are_unlogged(kinds: Mapping[DriftKind, int]) -> bool:
    """Return whether losses of several kinds are one fault: a call without a row may have any size."""
    few = _MIXED_SHARE * sum(kinds.values())
    mixed = min(kinds[DriftKind.DOUBLE], kinds[DriftKind.AMOUNT])
    return max(mixed, kinds[DriftKind.UNLOGGED]) >= few > 0
