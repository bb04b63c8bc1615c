"""Say from when on a rule that learns remembers enough to find again what it found before; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from monitor.detection.baseline_settings import SHIPPED
from monitor.detection.burn_rate import longest_seconds
from monitor.detection.objective import LEARNING_SECONDS
from monitor.model.detectors import (
    ACCEPTED_AFTER,
    BaselineDetector,
    ChangeDetector,
    LearningDetector,
    NewDetector,
    SloDetector,
)


def learns_for(detector: LearningDetector) -> timedelta:
    """Return for how long a memory is too young to say that something is over; a day at most.

    What is found by what was learned is what there is after a day. So long is waited for a rule that takes weeks.
    """
    return min(_learns_for(detector), ACCEPTED_AFTER)


def _learns_for(detector: LearningDetector) -> timedelta:
    match detector:
        case ChangeDetector():
            return detector.over
        case NewDetector():
            return detector.learn
        case BaselineDetector():
            return timedelta(seconds=SHIPPED.learning_seconds)
        case SloDetector(objective=None):
            return timedelta(seconds=LEARNING_SECONDS)
        case SloDetector():
            return timedelta(seconds=longest_seconds(detector.over))
        case _:
            assert_never(detector)
