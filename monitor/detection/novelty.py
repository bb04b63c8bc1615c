"""Find label values that were never seen before; pure, a label set at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.model.detectors import NewDetector

_FORGOTTEN_SECONDS = 90 * 86_400.0
"""What was not seen for so long is new when it comes again."""
_AWAY_SECONDS = 12 * 3600.0
"""So is what was found, went before it was accepted, and was not seen for so long: somebody has put it right."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a label set was first and last seen, in Unix time."""

    first: float
    last: float


def seen_at(
    detector: NewDetector, memory: Sighting | None, *, began: float, at: float
) -> Sighting:
    """Return the memory after a label set was seen once more; `began` is when the rule saw its first result."""
    if memory is None:
        return Sighting(at, at)
    was_found = is_new(detector, memory, began=began, at=memory.last)
    forgotten_seconds = _AWAY_SECONDS if was_found else _FORGOTTEN_SECONDS
    if at - memory.last > forgotten_seconds:
        return Sighting(at, at)
    return replace(memory, last=max(at, memory.last))


def is_new(detector: NewDetector, memory: Sighting, *, began: float, at: float) -> bool:
    """Return whether a label set that is there counts as new: it came after the learning, and not long ago."""
    was_learned = memory.first - began < detector.learn.total_seconds()
    is_accepted = at - memory.first >= detector.accept.total_seconds()
    return not was_learned and not is_accepted
