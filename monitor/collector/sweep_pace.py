"""Compute how wide a sweep's next piece is, and when a cycle begins; pure."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from typing import Final

from monitor.model.positions import SweepPosition
from monitor.model.sweeps import Pace
from monitor.model.walks import Sweep

_MAX_GROWTH: Final = 2.0
_MAX_SHRINKING: Final = 1 / 4
_NO_TIME_SECONDS: Final = 1e-4
"""A piece never took less."""


def is_due(position: SweepPosition, sweep: Sweep, now: datetime) -> bool:
    """Return whether the next cycle begins by a run that began now."""
    if position.last is None:
        return True
    begun_at = position.last.begun_at
    # To the nearest run: one that came a moment early would else make a cycle a whole run longer.
    is_over = now >= begun_at + sweep.cycle - sweep.step / 2
    # One that began in the future was read by a clock that was wrong.
    return is_over or now < begun_at


def next_pace(pace: Pace, width: int, seconds: float, piece_seconds: float) -> Pace:
    """Return how wide the next piece is, after one of this width took so long.

    The width follows the time: a piece is to take `piece_seconds`. Where narrower ones take no less, as without
    an index, to be narrow would only make them many: then a piece may take twice what each costs anyhow.
    """
    fixed_seconds = _fixed_seconds(pace, width, seconds, piece_seconds)
    wanted_seconds = max(piece_seconds, 2 * fixed_seconds)
    factor = _damped(wanted_seconds / max(seconds, _NO_TIME_SECONDS))
    next_width = max(1, round(width * factor))
    return Pace(next_width, fixed_seconds, width, seconds)


def first_pace(pace: Pace) -> Pace:
    """Return how wide the first piece of a cycle is; where narrow ones did not help, whether they do now is tried."""
    if not pace.fixed_seconds:
        return pace
    return replace(pace, width=max(1, pace.width // 4))


def _fixed_seconds(
    pace: Pace, width: int, seconds: float, piece_seconds: float
) -> float:
    """Return what pieces seem to take however narrow they are; 0 where that is not known to be much."""
    if seconds < pace.fixed_seconds / 2:
        return 0.0
    is_much_narrower = width <= pace.read_width / 2
    if not is_much_narrower:
        return pace.fixed_seconds
    took_no_less = seconds > 0.8 * pace.read_seconds
    return seconds if took_no_less and seconds > piece_seconds else 0.0


def _damped(factor: float) -> float:
    """Return by how much the width changes: down at once, up with care, since one quick piece proves little."""
    if factor >= _MAX_GROWTH:
        return _MAX_GROWTH
    return max(_MAX_SHRINKING, factor) if factor < 1 else math.sqrt(factor)
