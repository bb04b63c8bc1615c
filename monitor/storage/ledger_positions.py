"""What a ledger remembers as packed bytes, and back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from monitor.model.binary_keys import key_hash
from monitor.model.ledger import (
    DriftEvent,
    DriftKind,
    Leaving,
    LedgerMemory,
    LedgerPosition,
    LedgerUser,
    LoggingPace,
    LookMark,
    MissingCalls,
    OngoingDrift,
    PastLook,
    Refill,
    Terms,
)
from monitor.storage.serialization import instant_to_text, text_to_instant

_FASTEST = 1
_FORMAT = 1


def ledger_to_parts(position: LedgerPosition) -> dict[str, object]:
    """Return the parts of a position, without its memory and those that all walks have."""
    checked_at = position.checked_at
    return {
        "unfit": position.unfit,
        "checked_at": None if checked_at is None else instant_to_text(checked_at),
    }


def parts_to_ledger(parts: Mapping[str, Any], memory: bytes | None) -> LedgerPosition:
    """Read a position; ValueError, TypeError or KeyError where it is none."""
    if memory is None:
        raise ValueError("a ledger without its memory")
    checked_at = parts["checked_at"]
    return LedgerPosition(
        parts["of"],
        parts["serial"],
        unpacked_ledger(memory),
        unfit=parts["unfit"],
        checked_at=None if checked_at is None else text_to_instant(checked_at),
    )


def packed_ledger(memory: LedgerMemory) -> bytes:
    """Return a memory in as few bytes as is quick: about 30 for each user."""
    terms = list(dict.fromkeys(user.terms for user in memory.users.values()))
    places = {one: place for place, one in enumerate(terms)}
    pace, missing = memory.pace, memory.missing
    record = {
        "format": _FORMAT,
        "origin": instant_to_text(memory.origin),
        "numbers": [
            *(memory.looked_at, memory.looks, memory.highest, memory.sample),
            *(memory.calls, memory.left_at, memory.calls_at_left),
            *(memory.cancelled, memory.restarts),
        ],
        "pace": [
            *(pace.slow_seconds, pace.slow_at),
            *(pace.prompt, pace.changed, pace.astray),
        ],
        "marks": [[mark.at, mark.highest] for mark in memory.marks],
        "counted": _steps(memory.counted),
        "terms": [[one.limit, one.plan, one.subscriptions] for one in terms],
        "users": [
            _user_to_record(user, places[user.terms]) for user in memory.users.values()
        ],
        "events": [
            [one.at, one.user, str(one.kind), one.tokens, one.users]
            for one in memory.events
        ],
        "drifts": [[one.direction, one.found_at, one.kind] for one in memory.drifts],
        "refills": [[one.at, one.user, one.plan, one.times] for one in memory.refills],
        "looping": list(memory.looping.items()),
        "leavings": [[one.at, one.user] for one in memory.leavings],
        "missing": None if missing is None else [missing.at, missing.calls],
        "initializations": dict(memory.initializations),
    }
    text = json.dumps(
        record, ensure_ascii=False, separators=(",", ":"), default=_fraction_to_text
    )
    return zlib.compress(text.encode(), _FASTEST)


def unpacked_ledger(packed: bytes) -> LedgerMemory:
    """Return the memory that `packed_ledger` was given; ValueError, TypeError or KeyError where it is none."""
    try:
        record = json.loads(zlib.decompress(packed))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if record["format"] != _FORMAT:
        raise ValueError(f"a ledger of the format {record['format']}")
    looked_at, looks, highest, sample, calls, *others = record["numbers"]
    left_at, calls_at_left, cancelled, restarts = others
    terms = [_read_terms(*one) for one in record["terms"]]
    users = [_record_to_user(one, terms) for one in record["users"]]
    return LedgerMemory(
        text_to_instant(record["origin"]),
        looked_at=looked_at,
        looks=looks,
        highest=highest,
        marks=tuple(LookMark(at, most) for at, most in record["marks"]),
        counted=_from_steps(record["counted"]),
        sample=sample,
        users={user.id: user for user in users},
        calls=calls,
        events=tuple(
            DriftEvent(at, user, DriftKind(kind), _tokens(tokens), many)
            for at, user, kind, tokens, many in record["events"]
        ),
        # A state of before them has none: they are found anew.
        drifts=tuple(_read_drift(*one) for one in record.get("drifts", ())),
        refills=tuple(Refill(*one) for one in record["refills"]),
        looping=dict(record["looping"]),
        leavings=tuple(Leaving(*one) for one in record["leavings"]),
        left_at=left_at,
        calls_at_left=calls_at_left,
        # Nor of this.
        missing=_read_missing(record.get("missing")),
        initializations=dict(record["initializations"]),
        cancelled=cancelled,
        restarts=restarts,
        pace=LoggingPace(*record["pace"]),
    )


def _user_to_record(user: LedgerUser, terms: int) -> list[Any]:
    return [
        *(user.id, user.tracked_at, user.used_at, terms, user.balance, user.total),
        *(user.level, user.low, user.high, user.steady_at, user.landed, user.left_at),
        *(user.moved, [[one.at, one.worth, one.total] for one in user.past]),
        *(user.empty_at, user.calls, user.calls_before, user.calls_at_empty),
        user.level_from,
        *_hash_unless_usual(user),
    ]


def _hash_unless_usual(user: LedgerUser) -> list[int]:
    """Return the hash where it cannot be computed from the id: hashes do not pack well."""
    return [] if user.hash == key_hash(str(user.id)) else [user.hash]


def _record_to_user(record: list[Any], terms: list[Terms]) -> LedgerUser:
    user, tracked_at, used_at, place, balance, total, *rest = record
    level, low, high, steady_at, landed, left_at, *others = rest
    moved, past, empty_at, calls, calls_before, calls_at_empty, *last = others
    level_from, *hashes = last
    return LedgerUser(
        user,
        tracked_at,
        used_at,
        terms[place],
        None if balance is None else _tokens(balance),
        _tokens(total),
        level=None if level is None else _tokens(level),
        low=_tokens(low),
        high=_tokens(high),
        steady_at=steady_at,
        landed=_tokens(landed),
        left_at=left_at,
        moved=tuple(map(_tokens, moved)),
        past=tuple(
            PastLook(at, _tokens(worth), _tokens(logged)) for at, worth, logged in past
        ),
        empty_at=empty_at,
        calls=calls,
        calls_before=calls_before,
        calls_at_empty=calls_at_empty,
        level_from=level_from,
        hash=hashes[0] if hashes else key_hash(str(user)),
    )


def _read_drift(direction: str, found_at: float, kind: str | None) -> OngoingDrift:
    name = None if kind is None else DriftKind(kind)
    return OngoingDrift(DriftKind(direction), found_at, name)


def _read_missing(record: list[float] | None) -> MissingCalls | None:
    return None if record is None else MissingCalls(*record)


def _read_terms(limit: Any, plan: str, subscriptions: list[list[Any]]) -> Terms:
    limits = tuple((_tokens(one), name) for one, name in subscriptions)
    return Terms(_tokens(limit), plan, limits)


def _fraction_to_text(value: object) -> str:
    """Return what JSON has no number for: `1997/2`."""
    if not isinstance(value, Fraction):
        raise TypeError(f"{value!r} is nothing that a ledger remembers")
    return str(value)


def _tokens(written: Any) -> Any:
    return Fraction(written) if isinstance(written, str) else written


def _steps(ids: tuple[int, ...]) -> list[int]:
    """Return the first id and how far each is from the one before it: small numbers pack well."""
    steps, before = [], 0
    for one in ids:
        steps.append(one - before)
        before = one
    return steps


def _from_steps(steps: list[int]) -> tuple[int, ...]:
    ids, one = [], 0
    for step in steps:
        one += step
        ids.append(one)
    return tuple(ids)
