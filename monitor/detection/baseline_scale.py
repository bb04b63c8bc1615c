"""The scale on which values are compared: roots, where noise grows with the value; under all of the baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass

_ANSCOMBE = 0.375
_NO_BOUND = float("-inf")

COUNT_SIGMA = 0.5
"""What one sigma of a count is on its scale, whatever the count (Anscombe)."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The kind of numbers that a series has, and the scale that suits them."""

    is_count: bool = True
    """Whole numbers from 0 on."""
    is_positive: bool = True

    @property
    def least(self) -> float:
        """Return the least value that can be."""
        return 0.0 if self.is_positive else _NO_BOUND

    @property
    def offset(self) -> float:
        """Return what is added under the root."""
        return _ANSCOMBE * self.is_count

    def scaled(self, value: float) -> float:
        """Return a value on the scale."""
        if not self.is_positive:
            return value
        return math.sqrt(value + self.offset)

    def unscaled(self, scaled: float) -> float:
        """Return the value that stands there on the scale."""
        if not self.is_positive:
            return scaled
        return max(0.0, max(scaled, 0.0) ** 2 - self.offset)

    def moved(self, reference: float, share: float) -> float:
        """Return by how much a value that grows by a share moves on the scale."""
        if self.is_positive:
            # half of it: a root moves half as much as its value
            return self.scaled(reference) * share / 2
        return abs(reference) * share

    def with_value(self, value: float) -> Scale:
        """Return the scale of a series in which this value occurs too."""
        is_positive = self.is_positive and value >= 0
        is_count = self.is_count and is_positive and value % 1 == 0
        return Scale(is_count=is_count, is_positive=is_positive)
