"""What filters of receivers and windows want labels to be; between their tables and the warnings of these; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from monitor.model.label_patterns import LabelPatterns
from monitor.model.settings import Labels


@dataclass(frozen=True, slots=True)
class WantedLabel:
    """What a label is to be: a value, or what fits a pattern."""

    label: str
    text: str
    """As it is written."""
    fits: Callable[[str], bool]


def wanted_labels(
    values: Labels, patterns: Iterable[LabelPatterns] = ()
) -> Iterator[WantedLabel]:
    """Yield one for each value, and for each pattern of what is wanted; what is not wanted need not be there."""
    for label, value in values:
        yield WantedLabel(label, value, value.__eq__)
    for several in patterns:
        for text in several.wanted_patterns:
            alone = LabelPatterns(several.label, (text,))
            yield WantedLabel(several.label, text, alone.fits)
