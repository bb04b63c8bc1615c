"""When the demo breaks, is fixed and ends: pure."""

from __future__ import annotations

from dataclasses import dataclass

_HEALTHY_SECONDS = 8.0
_BROKEN_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """Seconds since the monitor started; `end_at` is None when only ^C ends the demo."""

    break_at: float
    fix_at: float
    end_at: float | None


def plan(for_seconds: float | None) -> Timeline:
    """Break when all is well, fix about half-way, so that the alert is seen to come and to go."""
    if for_seconds is None:
        return Timeline(_HEALTHY_SECONDS, _HEALTHY_SECONDS + _BROKEN_SECONDS, None)
    break_at = min(_HEALTHY_SECONDS, for_seconds * 0.2)
    return Timeline(break_at, for_seconds * 0.55, for_seconds)
