"""Write an error that only comes again first and last, and count it between; pure, between pipeline and log."""

from __future__ import annotations

from collections.abc import Callable
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

    def is_same(self, reason: str, message: str) -> bool:
        """Return whether an error is this one again."""
        return (self.reason, self.message) == (reason, message)

    def ended_by_another(self) -> Fields:
        """Return what is still to be written of it: nothing of one that came once, which was written."""
        if self.count == 1:
            return {}
        return {
            "last_reason": self.reason,
            "last_message": self.message,
            "last_repeated": self.count,
        }


@dataclass(slots=True)
class Deduplicator:
    """Keeps of each subject (target and query, or receiver) the error that it has, and how often.

    For one thread, or under its owner's lock. An error is the same where reason and message are.
    """

    remind_after: timedelta = timedelta(hours=1)
    """A long streak is still written so often: who reads only the last hours sees that it lasts."""
    _streaks: dict[tuple[str, ...], _Streak] = field(default_factory=dict)
    _written_at: dict[tuple[str, ...], datetime] = field(default_factory=dict)

    def failed(
        self, subject: tuple[str, ...], reason: str, message: str, at: datetime
    ) -> Fields | None:
        """Count an error; returns the fields to write of it, None where it is only counted.

        They say of another error that it ends how often that came.
        """
        known = self._streaks.get(subject)
        if known is None or not known.is_same(reason, message):
            self._streaks[subject] = _Streak(reason, message, 1, at, at)
            self._written_at[subject] = at
            ended = {} if known is None else known.ended_by_another()
            return {"reason": reason, "message": message, "repeated": 1, **ended}
        count = known.count + 1
        self._streaks[subject] = replace(known, count=count, last_at=at)
        if at - self._written_at[subject] < self.remind_after:
            return None
        self._written_at[subject] = at
        return {"reason": reason, "message": message, "repeated": count}

    def succeeded(self, subject: tuple[str, ...]) -> Fields:
        """End the subject's streak; returns the fields of its last error, none where there was no error."""
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

    def keep(self, is_there: Callable[[tuple[str, ...]], bool]) -> None:
        """Forget the subjects that are not there any more; one that comes back has its first error again."""
        self._streaks = {
            subject: streak
            for subject, streak in self._streaks.items()
            if is_there(subject)
        }
        self._written_at = {
            subject: at for subject, at in self._written_at.items() if is_there(subject)
        }

    def move(self, by: timedelta) -> None:
        """Move what is kept: the clock was set by this much."""
        self._streaks = {
            subject: moved(streak, by) for subject, streak in self._streaks.items()
        }
        self._written_at = {
            subject: at + by for subject, at in self._written_at.items()
        }
