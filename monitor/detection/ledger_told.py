"""Decide which events are told, and as what: single ones are information, those of several users a fault; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.model.ledger import DriftEvent, DriftKind

MIN_EVENTS = 3
MIN_USERS = 2
"""So many events of so many users are a population: a person who lowers one balance by hand is none."""
MIN_NAMED = 5
"""From so many events on their kind is told."""
MIN_ABOVE_LIMIT = 10
"""So many users whose balance rose above the limit are more than top-ups that somebody paid for."""
_MIXED_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Told:
    """Events that are told together, as one cause, and as what."""

    kind: DriftKind
    events: tuple[DriftEvent, ...]


def told_events(events: Iterable[DriftEvent]) -> Sequence[Told]:
    """Return what there is to tell: what was overwritten, and the events of each direction where they are several."""
    lost, gained, overwritten = _Group(), _Group(), _Group(1, 1)
    above = _Group(MIN_ABOVE_LIMIT, MIN_ABOVE_LIMIT)
    apart = {
        DriftKind.OVERWRITTEN: overwritten,
        DriftKind.ABOVE_LIMIT: above,
        # Given by people, one by one: never told.
        DriftKind.CREDIT: _Group(),
    }
    for event in events:
        usual = lost if event.tokens < 0 else gained
        apart.get(event.kind, usual).add(event)
    told = (
        (above, DriftKind.ABOVE_LIMIT),
        (overwritten, DriftKind.OVERWRITTEN),
        (lost, lost.name(DriftKind.LOWER)),
        (gained, gained.name(DriftKind.HIGHER)),
    )
    return [Told(kind, tuple(one.events)) for one, kind in told if one.is_told]


def counts_by_kind(events: Iterable[DriftEvent]) -> Mapping[DriftKind, int]:
    """Return how many events are told, by what they are told as."""
    return {one.kind: len(one.events) for one in told_events(events)}


class _Group:
    """Events of one direction."""

    def __init__(
        self, min_events: int = MIN_EVENTS, min_users: int = MIN_USERS
    ) -> None:
        self.events: list[DriftEvent] = []
        self._users: set[object] = set()
        self._min_events, self._min_users = min_events, min_users

    def add(self, event: DriftEvent) -> None:
        """Add an event."""
        self.events.append(event)
        self._users.add(event.user)

    @property
    def is_told(self) -> bool:
        """Return whether they are several."""
        is_enough = len(self.events) >= self._min_events
        return is_enough and len(self._users) >= self._min_users

    def name(self, unnamed: DriftKind) -> DriftKind:
        """Return what most of the events are, where they are enough for that; else the direction alone."""
        kinds = Counter(one.kind for one in self.events)
        kinds.pop(unnamed, None)
        if len(self.events) < MIN_NAMED or not kinds:
            return unnamed
        if _are_unlogged(kinds):
            return DriftKind.UNLOGGED
        ((kind, _),) = kinds.most_common(1)
        return kind


def _are_unlogged(kinds: Mapping[DriftKind, int]) -> bool:
    """Return whether losses of several kinds are one fault: a call without a row may have any size."""
    few = _MIXED_SHARE * sum(kinds.values())
    mixed = min(kinds[DriftKind.DOUBLE], kinds[DriftKind.AMOUNT])
    others = max(kinds[DriftKind.WIPED], kinds[DriftKind.SIGN])
    return max(mixed, kinds[DriftKind.UNLOGGED]) >= few > others
