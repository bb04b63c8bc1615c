"""Show users in whom a ledger saw something: the evidence of its alerts; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from monitor.detection.ledger_told import overwriting_events, told_events
from monitor.model.binary_keys import shown_key
from monitor.model.ledger import LedgerMemory, UserId, tokens_as_written
from monitor.model.settings import Labels
from monitor.model.walks import KIND_LABEL, LedgerFact

Example: TypeAlias = Mapping[str, int | str | None]


_Examples: TypeAlias = Iterable[tuple[UserId, Example]]


def examples_of(
    fact: LedgerFact, labels: Labels, memory: LedgerMemory
) -> list[Example]:
    """Return users in whom a fact shows, the newest first, each with what is left."""
    show = _EXAMPLES.get(fact, _nobody)
    examples: list[Example] = []
    for user, example in show(memory, dict(labels)):
        known = memory.users.get(user)
        left = None if known is None else known.balance
        balance = None if left is None else tokens_as_written(left)
        shown = shown_key(user) if isinstance(user, str) else user
        examples.append({"user_id": shown, **example, "balance": balance})
    return examples


def _drifted(memory: LedgerMemory, labels: Mapping[str, str]) -> _Examples:
    kind = labels[KIND_LABEL]
    told = {str(one.kind): one.events for one in told_events(memory)}
    for event in reversed(told.get(kind, ())):
        yield (
            event.user,
            {"kind": str(event.kind), "tokens": tokens_as_written(event.tokens)},
        )


def _overwritten(memory: LedgerMemory, _labels: Mapping[str, str]) -> _Examples:
    for event in reversed(overwriting_events(memory)):
        yield (
            event.user,
            {"kind": str(event.kind), "tokens": tokens_as_written(event.tokens)},
        )


def _refilled(memory: LedgerMemory, _labels: Mapping[str, str]) -> _Examples:
    for user, times in memory.looping.items():
        yield user, {"refills": times}


def _left(memory: LedgerMemory, _labels: Mapping[str, str]) -> _Examples:
    for leaving in reversed(memory.leavings):
        yield leaving.user, {}


def _waiting(memory: LedgerMemory, _labels: Mapping[str, str]) -> _Examples:
    for user in memory.users.values():
        if user.empty_at is not None:
            yield user.id, {"calls_before": user.calls}


def _nobody(_memory: LedgerMemory, _labels: Mapping[str, str]) -> _Examples:
    return ()


_EXAMPLES: Final[
    Mapping[LedgerFact, Callable[[LedgerMemory, Mapping[str, str]], _Examples]]
] = MappingProxyType(
    {
        LedgerFact.DRIFT_EVENTS: _drifted,
        LedgerFact.OVERWRITTEN_USERS: _overwritten,
        LedgerFact.REFILLED_USERS: _refilled,
        LedgerFact.STORM_USERS: _left,
        LedgerFact.STOPPED_CALLS: _waiting,
    }
)
