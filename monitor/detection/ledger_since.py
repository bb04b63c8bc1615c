"""From when on was counted what a ledger tells: since when what came then would be told alone; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from types import MappingProxyType
from typing import Final, TypeAlias

from monitor.detection.ledger import looping
from monitor.detection.ledger_crowd import STORM_SECONDS
from monitor.detection.ledger_told import (
    EVENTS_SECONDS,
    MIN_ABOVE_LIMIT,
    MIN_EVENTS,
    MIN_SLOW_EVENTS,
    MIN_SLOW_USERS,
    MIN_USERS,
    OF_CALLS,
    are_overwriting,
    overwriting_events,
    told_events,
)
from monitor.model.ledger import (
    DriftEvent,
    DriftKind,
    LedgerMemory,
    LedgerSettings,
    UserId,
)
from monitor.model.settings import Labels
from monitor.model.walks import KIND_LABEL, LedgerFact

_SinceByLabels: TypeAlias = dict[Labels, float]


def counted_since(
    fact: LedgerFact, memory: LedgerMemory, settings: LedgerSettings
) -> Mapping[Labels, float]:
    """Return since when was counted what a fact tells, by the labels of its samples; of what is over 0 alone.

    Seconds since the ledger's origin, by when a look found it: it may be older by as long as a call may be under
    way. What says how it is at the moment is left out.
    """
    if fact is LedgerFact.REFILLED_USERS:
        return _refilled(memory, settings)
    since = _SINCE.get(fact)
    return {} if since is None else since(memory)


def _drift_events(memory: LedgerMemory) -> _SinceByLabels:
    found: _SinceByLabels = {}
    for one in told_events(memory):
        _note(found, _labels_of(one.kind), _told_since(one.kind, one.events))
    return found


def _told_since(kind: DriftKind, events: Sequence[DriftEvent]) -> float:
    """Return the latest instant from which on the events would begin a drift; that of the first where none would."""
    latest = _LastEvents()
    if kind is DriftKind.ABOVE_LIMIT:
        latest = _LastEvents(MIN_ABOVE_LIMIT, MIN_ABOVE_LIMIT)
    for event in reversed(events):
        latest.add(event)
        if latest.begins_drift():
            return event.at
    return events[0].at


@dataclass(slots=True)
class _LastEvents:
    """The last events, while earlier ones are added one by one: those of one window, and those that come slowly."""

    min_events: int = MIN_EVENTS
    min_users: int = MIN_USERS
    window: deque[DriftEvent] = field(default_factory=deque)
    users: Counter[UserId] = field(default_factory=Counter)
    """How many of the window's events each user has."""
    slow: dict[DriftKind, int] = field(default_factory=partial(defaultdict, int))
    slow_users: dict[DriftKind, set[UserId]] = field(
        default_factory=partial(defaultdict, set)
    )

    def add(self, event: DriftEvent) -> None:
        """Add an event that is older than the others; the window is what came within so long of it."""
        self.window.appendleft(event)
        self.users[event.user] += 1
        while self.window[-1].at - event.at >= EVENTS_SECONDS:
            self.users[self.window.pop().user] -= 1
        self.slow[event.kind] += 1
        self.slow_users[event.kind].add(event.user)

    def begins_drift(self) -> bool:
        """Return whether these would be told, were there no others."""
        users = len(+self.users)
        if len(self.window) >= self.min_events and users >= self.min_users:
            return True
        kind = self.window[0].kind
        is_often = self.slow[kind] >= MIN_SLOW_EVENTS
        are_several = len(self.slow_users[kind]) >= MIN_SLOW_USERS
        return kind in OF_CALLS and is_often and are_several


def _recent_events(memory: LedgerMemory) -> _SinceByLabels:
    found: _SinceByLabels = {}
    for event in memory.events:
        if memory.looked_at - event.at < EVENTS_SECONDS:
            _note(found, _labels_of(event.kind), event.at)
    return found


def _overwritten(memory: LedgerMemory) -> _SinceByLabels:
    """Return the latest instant from which on what was written over would be told, were there nothing else.

    Who has nothing has nothing now: that is to be seen, whenever it came.
    """
    events = overwriting_events(memory)
    past = [one.at for one in events if not memory.is_empty(one.user)]

    def is_too_late(at: float) -> bool:
        left = [one for one in events if one.at >= at or memory.is_empty(one.user)]
        return not are_overwriting(left)

    if not past or not is_too_late(inf):
        return {}
    # Of these it is False first, and then True.
    too_late = bisect_right(past, 0, key=is_too_late)
    return {(): past[too_late - 1]}


def _initializations(memory: LedgerMemory) -> _SinceByLabels:
    return _earliest([one.at for one in memory.refills if one.times])


def _refilled(memory: LedgerMemory, settings: LedgerSettings) -> _SinceByLabels:
    """Return the latest instant from which on the refills would be told, were there no others."""
    if not memory.looping:
        return {}
    refills = memory.refills

    def is_too_late(first: int) -> bool:
        return not looping(refills[first:], memory.looked_at, settings)

    # Of these it is False first, and then True.
    too_late = bisect_right(range(len(refills)), 0, key=is_too_late)
    if too_late:
        return {(): refills[too_late - 1].at}
    return _earliest([one.at for one in refills if one.user in memory.looping])


def _storm(memory: LedgerMemory) -> _SinceByLabels:
    return _earliest([memory.looked_at - STORM_SECONDS])


def _earliest(instants: Sequence[float]) -> _SinceByLabels:
    return {(): min(instants)} if instants else {}


def _labels_of(kind: DriftKind) -> Labels:
    return ((KIND_LABEL, str(kind)),)


def _note(found: _SinceByLabels, labels: Labels, at: float) -> None:
    found[labels] = min(at, found.get(labels, at))


_SINCE: Final[Mapping[LedgerFact, Callable[[LedgerMemory], _SinceByLabels]]] = (
    MappingProxyType(
        {
            LedgerFact.DRIFT_EVENTS: _drift_events,
            LedgerFact.DRIFT_USERS: _recent_events,
            LedgerFact.DRIFT_TOKENS: _recent_events,
            LedgerFact.OVERWRITTEN_USERS: _overwritten,
            LedgerFact.AUTO_INITIALIZATIONS_HOUR: _initializations,
            LedgerFact.STORM_USERS: _storm,
        }
    )
)
