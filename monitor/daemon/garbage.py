"""Have Python look for garbage as rarely as a process needs that takes results all day; at its start."""

from __future__ import annotations

import gc
from typing import Final

_THRESHOLDS: Final = (10_000, 20, 50)
"""A result makes none that refers to itself: with 1,000 targets Python's own thresholds (700, 10, 10) found nothing
in 140 s of work, took a fifth of it, and held everything up for half a second each 20 s."""


def look_for_garbage_rarely() -> None:
    """Look for it rarely from now on, and never among what is there already, which lives as long as the process."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()
