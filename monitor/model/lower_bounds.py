"""Say of which samples of a result not all was counted; travels with it from the run to the rules."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.model.settings import Labels


@dataclass(frozen=True, slots=True)
class LowerBound:
    """Of which samples, by their metric and these of their labels, not all was counted, and some may be lacking."""

    metric: str
    labels: Labels = ()

    def covers(self, metric: str, labels: Labels) -> bool:
        """Return whether it is about what has these labels, maybe among others."""
        return self.metric == metric and set(self.labels) <= set(labels)
