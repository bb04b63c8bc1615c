"""What of a notification is done already when one attempt takes several steps; for senders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from monitor.model.errors import DeliveryError

DeliveryStep: TypeAlias = tuple[str, Callable[[], None]]
"""A step's name, which is its own within a notification, and what takes it or raises DeliveryError."""

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

    def take(self, key: str, steps: Iterable[DeliveryStep]) -> Sequence[StepRefusal]:
        """Take the steps of a notification that are not done yet; return what was refused for good.

        Raises the DeliveryError of one that may succeed later: the next attempt goes on there.
        """
        known = self.of(key)
        done_before = len(known.done)
        for name, take in steps:
            if name in known.done:
                continue
            try:
                take()
            except DeliveryError as error:
                if error.recoverable:
                    if error.reason == "timeout" and len(known.done) > done_before:
                        # It takes them, they are only many: on with the rest.
                        error.retry_after_seconds = 0.0
                    raise
                # One that is refused for good does not take the others with it.
                known.refused.append(StepRefusal.of(error))
            known.done.add(name)
        self.end(key)
        return known.refused

    def end(self, key: str) -> None:
        """Forget a notification that needs no other attempt."""
        self._steps.pop(key, None)
