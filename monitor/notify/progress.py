"""What of a notification is done already when one attempt takes several steps; for senders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_MOST_KEPT: Final = 1000


@dataclass(slots=True)
class Steps:
    """The steps of one notification that need not be made again, and what was refused for good."""

    done: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


class Progress:
    """Remember notifications under way, so that a retry goes on where the attempt before broke off.

    Only in memory: after a restart all steps are made again.
    """

    def __init__(self) -> None:
        self._steps: dict[str, Steps] = {}

    def of(self, key: str) -> Steps:
        """Give what is known of a notification."""
        steps = self._steps.setdefault(key, Steps())
        while len(self._steps) > _MOST_KEPT:
            del self._steps[
                next(iter(self._steps))
            ]  # the oldest; it may have been given up long ago
        return steps

    def end(self, key: str) -> None:
        """Forget a notification that needs no other attempt."""
        self._steps.pop(key, None)
