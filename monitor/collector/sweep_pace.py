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
_MUCH_NARROWER: Final = 2
"""A piece is compared with one that was so many times as wide, or more."""
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
    an index or on a server that is far away, to be narrow would only make them many: then a piece may take twice
    what each costs anyhow.
    """
    fixed_seconds = _fixed_seconds(pace, width, seconds, piece_seconds)
    wanted_seconds = max(piece_seconds, 2 * fixed_seconds)
    factor = _damped(wanted_seconds / max(seconds, _NO_TIME_SECONDS))
    next_width = max(1, round(width * factor))
    if _is_a_little_narrower(pace, width):
        # By small steps it becomes narrow too: what it is compared with stays until it is much narrower.
        return replace(pace, width=next_width, fixed_seconds=fixed_seconds)
    return Pace(next_width, fixed_seconds, width, seconds)


def first_pace(pace: Pace, ends_seconds: float) -> Pace:
    """Return how wide the first piece of a cycle is, where the statement that asked for its ends took so long.

    That one reads no rows, and takes what each takes: the way to the server and back, or a scan without an index.
    Where narrow pieces did not help for another reason, whether they do now is tried.
    """
    width = pace.width
    if pace.fixed_seconds > 2 * ends_seconds:
        width = max(1, width // 4)
    return replace(pace, width=width, fixed_seconds=ends_seconds)


def _fixed_seconds(
    pace: Pace, width: int, seconds: float, piece_seconds: float
) -> float:
    """Return what pieces seem to take however narrow they are; 0 where that is not known to be much."""
    if seconds < pace.fixed_seconds / 2:
        return 0.0
    is_much_narrower = width <= pace.read_width / _MUCH_NARROWER
    took_no_less = is_much_narrower and seconds > 0.8 * pace.read_seconds
    if took_no_less and seconds > piece_seconds:
        return seconds
    return min(pace.fixed_seconds, seconds)


def _is_a_little_narrower(pace: Pace, width: int) -> bool:
    return pace.read_width / _MUCH_NARROWER < width < pace.read_width


def _damped(factor: float) -> float:
    """Return by how much the width changes: down at once, up with care, since one quick piece proves little."""
    if factor >= _MAX_GROWTH:
        return _MAX_GROWTH
    return max(_MAX_SHRINKING, factor) if factor < 1 else math.sqrt(factor)
