"""Say what a ledger knows as numbers: drift by kind, refills, how far it can judge; pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from monitor.detection.ledger_crowd import storm_users
from monitor.detection.ledger_told import (
    EVENTS_SECONDS,
    TOLD_KINDS,
    counts_by_kind,
    overwriting_events,
)
from monitor.model.ledger import DriftEvent, DriftKind, LedgerMemory, Tokens, UserId
from monitor.model.settings import Labels
from monitor.model.walks import KIND_LABEL, PLAN_LABEL, LedgerFact

Value: TypeAlias = tuple[Labels, float]
"""The labels of a sample, and its value."""


def values_of(fact: LedgerFact, memory: LedgerMemory) -> Iterable[Value]:
    """Return each value of a fact with its labels."""
    return _VALUES[fact](memory)


def _drift_users(memory: LedgerMemory) -> Iterable[Value]:
    users: dict[DriftKind, set[UserId]] = defaultdict(set)
    crowds: Counter[DriftKind] = Counter()
    for one in _recent(memory):
        users[one.kind].add(one.user)
        # What concerns many has one of them in place of all.
        crowds[one.kind] += one.users - 1
    return _by_kind(
        {kind: len(some) + crowds[kind] for kind, some in users.items()},
    )


def _drift_tokens(memory: LedgerMemory) -> Iterable[Value]:
    tokens: dict[DriftKind, Tokens] = defaultdict(int)
    for one in _recent(memory):
        tokens[one.kind] += max(one.tokens, -one.tokens)
    return _by_kind(tokens)


def _recent(memory: LedgerMemory) -> Iterable[DriftEvent]:
    return [one for one in memory.events if memory.looked_at - one.at < EVENTS_SECONDS]


def _drift_events(memory: LedgerMemory) -> Iterable[Value]:
    return _by_kind(counts_by_kind(memory), TOLD_KINDS)


def _by_kind(
    values: Mapping[DriftKind, Tokens], kinds: Iterable[DriftKind] = DriftKind
) -> Iterable[Value]:
    return [(((KIND_LABEL, str(kind)),), float(values.get(kind, 0))) for kind in kinds]


def _initializations(memory: LedgerMemory) -> Iterable[Value]:
    by_plan = sorted(memory.initializations.items())
    return [(((PLAN_LABEL, plan),), float(times)) for plan, times in by_plan]


def _alone(value: Callable[[LedgerMemory], float]) -> _ValuesOf:
    """Return what gives one value without labels."""

    def values(memory: LedgerMemory) -> Iterable[Value]:
        return [((), float(value(memory)))]

    return values


def _cancelled(memory: LedgerMemory) -> int:
    return memory.cancelled


def _initializations_hour(memory: LedgerMemory) -> int:
    return sum(one.times for one in memory.refills)


def _refilled_users(memory: LedgerMemory) -> int:
    return len(memory.looping)


def _overwritten_users(memory: LedgerMemory) -> int:
    users: Counter[UserId] = Counter()
    for event in overwriting_events(memory):
        # Of a crowd it is one of them, to whom more may happen later.
        users[event.user] = max(event.users, users[event.user])
    return users.total()


def _stopped_calls(memory: LedgerMemory) -> float:
    return 0.0 if memory.missing is None else memory.missing.calls


def _tracked_users(memory: LedgerMemory) -> int:
    return len(memory.users)


def _unjudged_ratio(memory: LedgerMemory) -> float:
    """Return which share of the users who just used something could not be judged exactly."""
    is_used = bool(memory.marks) and memory.marks[0].highest < memory.highest
    if is_used and not memory.users:
        # Those of whom the history tells are not among the users.
        return 1.0
    active = unjudged = 0
    for user in memory.users.values():
        is_active = user.used_at > memory.looked_at - EVENTS_SECONDS
        active += is_active
        unjudged += is_active and user.level is None
    return unjudged / max(1, active)


_ValuesOf: TypeAlias = Callable[[LedgerMemory], Iterable[Value]]

_VALUES: Final[Mapping[LedgerFact, _ValuesOf]] = MappingProxyType(
    {
        LedgerFact.DRIFT_USERS: _drift_users,
        LedgerFact.DRIFT_TOKENS: _drift_tokens,
        LedgerFact.DRIFT_EVENTS: _drift_events,
        LedgerFact.CANCELLED: _alone(_cancelled),
        LedgerFact.AUTO_INITIALIZATIONS: _initializations,
        LedgerFact.AUTO_INITIALIZATIONS_HOUR: _alone(_initializations_hour),
        LedgerFact.REFILLED_USERS: _alone(_refilled_users),
        LedgerFact.OVERWRITTEN_USERS: _alone(_overwritten_users),
        LedgerFact.STORM_USERS: _alone(storm_users),
        LedgerFact.STOPPED_CALLS: _alone(_stopped_calls),
        LedgerFact.TRACKED_USERS: _alone(_tracked_users),
        LedgerFact.UNJUDGED_RATIO: _alone(_unjudged_ratio),
    }
)
"""How each fact is computed; a test sees that none is missing."""
