"""How long a rule that learns remembers what it judges by; goes with a result, for its alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Learning:
    """Since when a rule remembers what it judges by, and whether that is too little to say that something is over."""

    began_at: datetime
    is_young: bool = False

    def has_forgotten(self, known_since: datetime) -> bool:
        """Return whether an alert is of what was remembered before; it was known since an instant."""
        return known_since < self.began_at

    def may_find_again(self, known_since: datetime) -> bool:
        """Return whether such an alert may be found again: as long as it would not be found if it went on."""
        return self.is_young and self.has_forgotten(known_since)


NO_LEARNING: Final = Learning(datetime.min.replace(tzinfo=UTC))
"""Of a rule that learns nothing."""
