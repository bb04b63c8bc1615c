"""Tell a new error from one that only came again: written first and last, counted between; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.instants import moved


@dataclass(frozen=True, slots=True)
class Streak:
    """One error that came again and again: written first and last, counted between."""

    reason: str
    message: str
    count: int
    first_at: datetime
    last_at: datetime

    def fields(self) -> dict[str, object]:
        """Give the fields of the event that ends the streak."""
        return {
            "last_reason": self.reason,
            "last_message": self.message,
            "repeated": self.count,
            "first_at": self.first_at,
            "last_at": self.last_at,
        }


@dataclass(slots=True)
class Repeats:
    """Tell a new error from one that only came again, for each subject (target and query, or receiver)."""

    remind_after: timedelta = timedelta(hours=1)
    """A long streak is still written so often."""
    _streaks: dict[tuple[str, ...], Streak] = field(default_factory=dict)
    _written_at: dict[tuple[str, ...], datetime] = field(default_factory=dict)

    def failed(
        self, subject: tuple[str, ...], reason: str, message: str, at: datetime
    ) -> tuple[Streak | None, Streak | None]:
        """Count an error; gives the streak to write now, and the streak of another error that this ends."""
        known = self._streaks.get(subject)
        if known is None or (known.reason, known.message) != (reason, message):
            self._streaks[subject] = Streak(reason, message, 1, at, at)
            self._written_at[subject] = at
            return self._streaks[subject], known if known and known.count > 1 else None
        self._streaks[subject] = Streak(reason, message, known.count + 1, known.first_at, at)
        if at - self._written_at[subject] < self.remind_after:
            return None, None
        self._written_at[subject] = at
        return self._streaks[subject], None

    def move(self, by: timedelta) -> None:
        """Move what is kept: the clock was set by this much."""
        self._streaks = {subject: moved(streak, by) for subject, streak in self._streaks.items()}
        self._written_at = {subject: at + by for subject, at in self._written_at.items()}

    def succeeded(self, subject: tuple[str, ...]) -> Streak | None:
        """End the subject's streak; gives it, so that its last and its count are written."""
        self._written_at.pop(subject, None)
        return self._streaks.pop(subject, None)
