"""What of a notification is done already when one attempt takes several steps; for senders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from monitor.model.errors import DeliveryError

# Of one receiver. What is forgotten is only made again, so any number will do that bounds the memory.
_MAX_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class StepRefusal:
    """What a far end said to a step, in the words of a DeliveryError."""

    reason: str
    message: str

    @classmethod
    def of(cls, error: DeliveryError) -> StepRefusal:
        """Keep the words of an error, not its traceback with all that this holds."""
        return cls(error.reason, error.message)


@dataclass(slots=True)
class Steps:
    """The steps of one notification that need not be made again, and what was refused for good."""

    done: set[str] = field(default_factory=set)
    refused: list[StepRefusal] = field(default_factory=list)


class Progress:
    """Remember notifications under way, so that a retry goes on where the attempt before broke off.

    Only in memory: after a restart all steps are made again.
    """

    def __init__(self) -> None:
        self._steps: dict[str, Steps] = {}

    def of(self, key: str) -> Steps:
        """Return what is known of a notification, to be added to."""
        steps = self._steps.setdefault(key, Steps())
        while len(self._steps) > _MAX_KEPT:
            # The oldest; it may have been given up long ago.
            del self._steps[next(iter(self._steps))]
        return steps

    def end(self, key: str) -> None:
        """Forget a notification that needs no other attempt."""
        self._steps.pop(key, None)
