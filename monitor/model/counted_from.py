"""From when on was counted what samples say that tell of more than the moment: goes with a result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from monitor.model.settings import Labels


@dataclass(frozen=True, slots=True)
class CountedFrom:
    """The samples of a metric with these labels count what there was from an instant on."""

    metric: str
    labels: Labels
    at: datetime

    def is_about(self, metric: str, labels: Labels) -> bool:
        """Return whether it is about a sample or a part of one: their labels agree where both have them."""
        if metric != self.metric:
            return False
        known = dict(labels)
        return all(known.get(name, value) == value for name, value in self.labels)


def counted_since(
    counted: Iterable[CountedFrom], metric: str, labels: Labels = ()
) -> datetime | None:
    """Return from when on was counted what such a sample says; None: it says how it is as the run looks."""
    known = [one.at for one in counted if one.is_about(metric, labels)]
    return min(known, default=None)
