"""Tell a new error from one that only came again: written first and last, counted between; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from monitor.timing.shift import moved

Fields: TypeAlias = dict[str, object]
"""What an event says of an error and of how often it came."""


@dataclass(frozen=True, slots=True)
class _Streak:
    """One error that came again and again."""

    reason: str
    message: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(slots=True)
class Deduplicator:
    """Tell a new error from one that only came again, for each subject (target and query, or receiver)."""

    remind_after: timedelta = timedelta(hours=1)
    """A long streak is still written so often."""
    _streaks: dict[tuple[str, ...], _Streak] = field(default_factory=dict)
    _written_at: dict[tuple[str, ...], datetime] = field(default_factory=dict)

    def failed(
        self, subject: tuple[str, ...], reason: str, message: str, at: datetime
    ) -> Fields | None:
        """Count an error; gives what to write of it, and of another error that it ends; None if nothing."""
        known = self._streaks.get(subject)
        ended: Fields = {}
        if known is None or (known.reason, known.message) != (reason, message):
            streak = _Streak(reason, message, 1, at, at)
            # one that came only once was written whole
            if known and known.count > 1:
                ended = {
                    "last_reason": known.reason,
                    "last_message": known.message,
                    "last_repeated": known.count,
                }
        else:
            streak = replace(known, count=known.count + 1, last_at=at)
        self._streaks[subject] = streak
        if streak.count > 1 and at - self._written_at[subject] < self.remind_after:
            return None
        self._written_at[subject] = at
        return {"reason": reason, "message": message, "repeated": streak.count, **ended}

    def succeeded(self, subject: tuple[str, ...]) -> Fields:
        """End the subject's streak; gives its last error and its count, nothing where there was none."""
        self._written_at.pop(subject, None)
        ended = self._streaks.pop(subject, None)
        if ended is None:
            return {}
        return {
            "last_reason": ended.reason,
            "last_message": ended.message,
            "repeated": ended.count,
            "first_at": ended.first_at,
            "last_at": ended.last_at,
        }

    def move(self, by: timedelta) -> None:
        """Move what is kept: the clock was set by this much."""
        self._streaks = {
            subject: moved(streak, by) for subject, streak in self._streaks.items()
        }
        self._written_at = {
            subject: at + by for subject, at in self._written_at.items()
        }
