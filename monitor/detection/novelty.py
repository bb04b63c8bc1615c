"""Find label values that were never seen before; pure, a label set at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Final

from monitor.detection.incidents import EVERYTHING, Lesson
from monitor.model.detectors import NewDetector

_FORGOTTEN_SECONDS = 90 * 86_400.0
"""What was not seen for so long is new when it comes again."""
_AWAY_SECONDS = 12 * 3600.0
"""So is what was found, went before it was accepted, and was not seen for so long: somebody has put it right."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a label set was first and last seen, in Unix time by a clock that nobody sets."""

    first: float
    last: float
    counts_from: float
    """From when on it counts for how long it is there; NOT_YET: it was seen in the middle of a deployment only."""


NOT_YET: Final = inf
ALWAYS: Final = -inf


def seen_at(
    detector: NewDetector,
    memory: Sighting | None,
    *,
    began: float,
    at: float,
    lesson: Lesson = EVERYTHING,
) -> Sighting:
    """Return the memory after a label set was seen once more; `began` is when the rule saw its first result."""
    counts_from = _counts_from(at, lesson)
    if memory is None:
        return Sighting(at, at, counts_from)
    was_found = is_new(detector, memory, began=began, at=memory.last)
    forgotten_seconds = _AWAY_SECONDS if was_found else _FORGOTTEN_SECONDS
    if at - memory.last > forgotten_seconds:
        return Sighting(at, at, counts_from)
    counts_from = min(counts_from, memory.counts_from)
    return replace(memory, last=max(at, memory.last), counts_from=counts_from)


def _counts_from(at: float, lesson: Lesson) -> float:
    """Return from when on it counts that it is there now."""
    if lesson.is_meant:
        return ALWAYS
    return NOT_YET if lesson.is_in_deploy else at


def is_new(detector: NewDetector, memory: Sighting, *, began: float, at: float) -> bool:
    """Return whether a label set that is there counts as new: it came after the learning, and not long ago."""
    was_learned = memory.first - began < detector.learn.total_seconds()
    is_accepted = at - memory.counts_from >= detector.accept.total_seconds()
    return not was_learned and not is_accepted
