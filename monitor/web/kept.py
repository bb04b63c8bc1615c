"""Keep for a minute what the page reads from the state of some targets, since it is asked for every few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

_RENEWED_AFTER: Final = timedelta(minutes=1)
"""There is no newer point of a line before."""
_MAX_TARGETS: Final = 8
"""Of so many targets: whoever looks at many, one after the other, fills no memory."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _TimedValue(Generic[Value]):
    at: datetime
    value: Value


class KeptByTarget(Generic[Value]):
    """Values by the names of targets; used by several threads at once, of which the last one wins."""

    def __init__(self) -> None:
        self._kept: dict[str, _TimedValue[Value]] = {}

    def fresh(self, target: str, now: datetime) -> Value | None:
        """Return what was kept within the last minute; None where nothing was."""
        kept = self._kept.get(target)
        if kept is None or not timedelta(0) <= now - kept.at < _RENEWED_AFTER:
            return None
        return kept.value

    def last(self, target: str) -> Value | None:
        """Return what was kept last, however old; None where nothing is."""
        kept = self._kept.get(target)
        return None if kept is None else kept.value

    def keep(self, target: str, value: Value, now: datetime) -> Value:
        """Keep a value, and return it."""
        newest = list(self._kept.items())[1 - _MAX_TARGETS :]
        self._kept = {**dict(newest), target: _TimedValue(now, value)}
        return value
