"""Find what has moved by a share of itself within a while, though it should move slowly; pure, a series at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from statistics import median
from typing import TypeVar

from monitor.detection.change_shares import (
    NO_WHOLE,
    Whole,
    grown_with,
    learned_share,
    with_share,
)
from monitor.detection.incidents import EVERYTHING, Lesson
from monitor.model.detectors import ChangeDetector
from monitor.model.settings import Labels

_BUCKETS = 12
"""Into so many parts the while is cut: each keeps its last value, and the middle one of them is what was."""
_OLDEST_SECONDS = 25 * 3600.0
"""What was longer ago says nothing of now; until then a change while nobody looked is found too."""
_DAYS = 14
"""For so long it is remembered how far the series goes by itself."""
_CALM_DAYS = 3
"""Of so few days nothing is known of that."""
_BEYOND_USUAL = 1.5
"""So many times what it does by itself is more than that."""
_MOST_USUAL_FALL = 0.9
"""Nothing falls by more than all of it: that nearly all is gone is told whatever is usual."""
_BACK = 0.5
"""A change is over when less than this part of what makes one is left of it."""
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class OngoingChange:
    """A change that goes on: since when, and what the value was before it."""

    since: float
    before: float
    parts: Mapping[Labels, float] = field(default_factory=dict)
    """What a total was made of then."""


@dataclass(frozen=True, slots=True)
class ChangeMemory:
    """The last values of a series, how far it moves by itself, and the change that goes on."""

    began: float
    points: Mapping[int, float] = field(default_factory=dict)
    """The last value of each part of the while, by its number, oldest first; none of during a change."""
    moves: Mapping[int, float] = field(default_factory=dict)
    """The largest share by which it moved on each day, by the day's number."""
    parts: Mapping[Labels, float] = field(default_factory=dict)
    found: OngoingChange | None = None
    reference: float | None = None
    """What it was when the deployment began that goes on, or was the last; None once a value after it was judged."""
    shares: Mapping[int, float] = field(default_factory=dict)
    """The last shares of what it is a part of, as `points`, once what it began with is accepted."""


def look_for_change(
    detector: ChangeDetector,
    memory: ChangeMemory | None,
    at: float,
    value: float,
    parts: Mapping[Labels, float],
    lesson: Lesson = EVERYTHING,
    whole: Whole = NO_WHOLE,
) -> ChangeMemory:
    """Return the memory after one more value; `found` in it says whether there is a change.

    `at` is Unix time in seconds. A value that is no older than the last one counts as another look at it.
    `whole`: what it is a part of. A part that grew as the whole did has not changed.
    """
    memory = memory or ChangeMemory(at)
    share = _share_to_learn(detector, memory, at, value, lesson, whole)
    if lesson.is_meant:
        return _meant(memory, _bucket(detector, at), value, parts, share)
    memory = _with_end(detector, memory, at, value, accepts=lesson.accepts)
    reference = None
    if lesson.is_in_deploy:
        memory = _waiting(detector, memory, at)
        reference = memory.reference
    if memory.found is not None:
        return replace(memory, reference=reference)
    points = _within(memory.points, detector, at)
    was = _before(memory, points, value)
    is_known = at - memory.began >= detector.over.total_seconds()
    befores = (was, *grown_with(whole, memory.shares))
    if is_known and _is_change(detector, memory.moves, befores, value):
        found = OngoingChange(at, was, memory.parts)
        return replace(memory, points=points, found=found, reference=reference)
    if reference is not None:
        return memory
    if not lesson.teaches:
        return replace(memory, points=points, reference=None)
    moves = memory.moves
    # What rises by itself says nothing of how far it falls by itself.
    if detector.direction.allows(value - was):
        moves = _with_move(moves, at, _share(was, value))
    bucket = _bucket(detector, at)
    points[bucket] = value
    return replace(
        memory,
        points=_last(points),
        moves=moves,
        parts=parts,
        reference=None,
        shares=_last(with_share(memory.shares, bucket, share)),
    )


def _share_to_learn(
    detector: ChangeDetector,
    memory: ChangeMemory,
    at: float,
    value: float,
    lesson: Lesson,
    whole: Whole,
) -> float | None:
    """Return which share of the whole a series is; None if that is not known, or not what there is.

    What a series begins with that came after the rule is nobody's design until it is accepted: it is judged by how
    many it counts.
    """
    since = memory.began if memory.found is None else memory.found.since
    is_old = at - since >= detector.accept.total_seconds()
    was_there = bool(memory.shares) or memory.began <= whole.rule_began
    if not whole.size or not (is_old or was_there or lesson.is_meant):
        return None
    share = value / whole.size
    if lesson.is_meant:
        return share
    accept_buckets = _bucket(detector, detector.accept.total_seconds())
    return learned_share(memory.shares, _bucket(detector, at), share, accept_buckets)


_Default = TypeVar("_Default", float, None)


def _before(
    memory: ChangeMemory, points: Mapping[int, float], default: _Default
) -> float | _Default:
    """Return what a value is compared with: what was before a deployment, else the middle of the last while."""
    if memory.reference is not None:
        return memory.reference
    return median(points.values()) if points else default


def _meant(
    memory: ChangeMemory,
    bucket: int,
    value: float,
    parts: Mapping[Labels, float],
    share: float | None,
) -> ChangeMemory:
    """Return the memory once somebody said that the value is meant to be as it is."""
    shares = with_share({}, bucket, share)
    return ChangeMemory(
        memory.began, {bucket: value}, memory.moves, parts, shares=shares
    )


def _waiting(detector: ChangeDetector, memory: ChangeMemory, at: float) -> ChangeMemory:
    """Return the memory while a deployment goes on: what was before it stays, and accepts nothing that it changes.

    Where nobody knows yet what was, it is learned as ever.
    """
    if memory.found is None:
        points = _within(memory.points, detector, at)
        return replace(memory, reference=_before(memory, points, None))
    if memory.reference is None:
        return memory
    # It began meanwhile: for how long it is there counts from the end.
    return replace(memory, found=replace(memory.found, since=at))


def which_part(before: Mapping[Labels, float], now: Mapping[Labels, float]) -> str:
    """Return the part of a total that changed most, as `plan pro by -120`; empty where no part did."""
    differences = {
        labels: now.get(labels, 0.0) - before.get(labels, 0.0)
        for labels in sorted({*before, *now})
    }
    labels = max(differences, key=lambda one: abs(differences[one]), default=())
    if not labels or not differences[labels]:
        return ""
    named = ", ".join(f"{name} {text}" for name, text in labels)
    return f"{named} by {differences[labels]:+.15g}"


def _with_end(
    detector: ChangeDetector,
    memory: ChangeMemory,
    at: float,
    value: float,
    *,
    accepts: bool,
) -> ChangeMemory:
    """Return the memory without a change that is over: the value is back, or is what there is by now."""
    found = memory.found
    if found is None:
        return memory
    if accepts and at - found.since >= detector.accept.total_seconds():
        # From here on this is what it is.
        return ChangeMemory(at, moves=memory.moves)
    least = max(detector.by * abs(found.before), detector.at_least)
    difference = value - found.before
    is_back = abs(difference) < _BACK * least or not difference
    if is_back or not detector.direction.allows(difference):
        return replace(memory, found=None)
    return memory


def _is_change(
    detector: ChangeDetector,
    moves: Mapping[int, float],
    befores: Iterable[float],
    value: float,
) -> bool:
    """Return whether a value has moved from each of what it may have been before."""
    return all(_has_moved(detector, moves, was, value) for was in befores)


def _has_moved(
    detector: ChangeDetector, moves: Mapping[int, float], was: float, value: float
) -> bool:
    difference = value - was
    if not difference or not detector.direction.allows(difference):
        return False
    usual = _usual_move(moves)
    if difference < 0:
        usual = min(usual, _MOST_USUAL_FALL)
    share = max(detector.by, usual)
    return abs(difference) >= max(share * abs(was), detector.at_least)


def _usual_move(moves: Mapping[int, float]) -> float:
    """Return by which share it has to move to do more than on all but one of its days."""
    if len(moves) < _CALM_DAYS:
        return 0.0
    return _BEYOND_USUAL * sorted(moves.values())[-2]


def _share(was: float, value: float) -> float:
    return abs(value - was) / abs(was) if was else 0.0


def _with_move(
    moves: Mapping[int, float], at: float, share: float
) -> Mapping[int, float]:
    day = int(at // _DAY_SECONDS)
    kept = {one: most for one, most in moves.items() if one > day - _DAYS}
    kept[day] = max(share, kept.get(day, 0.0))
    return kept


def _bucket(detector: ChangeDetector, at: float) -> int:
    return int(at * _BUCKETS // detector.over.total_seconds())


def _within(
    points: Mapping[int, float], detector: ChangeDetector, at: float
) -> dict[int, float]:
    """Return the points that are not too old, and not of the future: the clock may have been set back."""
    kept_seconds = max(_OLDEST_SECONDS, detector.over.total_seconds())
    oldest = _bucket(detector, at - kept_seconds)
    newest = _bucket(detector, at)
    return {one: value for one, value in points.items() if oldest <= one <= newest}


def _last(points: Mapping[int, float]) -> dict[int, float]:
    left_out = max(0, len(points) - _BUCKETS)
    return dict(islice(sorted(points.items()), left_out, None))
