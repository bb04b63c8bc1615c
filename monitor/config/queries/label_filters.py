"""`where` of a rule: which labels its samples must have, by a value or by patterns; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from monitor.config.labels import EMPTY_LABEL
from monitor.config.toml.problems import near_miss
from monitor.model.label_patterns import EXCEPT, LabelPatterns
from monitor.model.settings import Labels, Metric, labels_of

Where: TypeAlias = Mapping[str, str | list[str]]
"""By the label's name its value, or patterns."""


def exact_labels(where: Where) -> Labels:
    """Return the labels that have one value."""
    return labels_of(
        {name: value for name, value in where.items() if isinstance(value, str)}
    )


def patterns_in(where: Where) -> tuple[LabelPatterns, ...]:
    """Return the labels that have patterns, by their names."""
    return tuple(
        LabelPatterns(name, tuple(value))
        for name, value in sorted(where.items())
        if not isinstance(value, str)
    )


def wanted_values(where: Where, label: str) -> list[str]:
    """Return which values of a label are wanted, as they are written; none where any is."""
    given = where.get(label, [])
    patterns = (given,) if isinstance(given, str) else tuple(given)
    return LabelPatterns(label, patterns).wanted_patterns


def patterns_fault(metric: Metric, name: str, patterns: list[str]) -> str | None:
    """Return why these cannot be patterns of a label, or None where they can."""
    for pattern in patterns:
        text = pattern.removeprefix(EXCEPT)
        if not text:
            return EMPTY_LABEL
        if name != metric.values_label:
            continue
        # All values are known, so a pattern that fits none is seen.
        if LabelPatterns(name, (text,)).fits_none_of(metric.values):
            known = near_miss(text, metric.values)
            return f'"{pattern}" fits no value of {name}{known}'
    return None
