"""Patterns of a label's values, as `where = { queue = ["a*", "!low"] }` of a rule has them; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

EXCEPT = "!"


@dataclass(frozen=True, slots=True)
class LabelPatterns:
    """Which values of one label are wanted: those that fit a pattern, and none with `!` before it."""

    label: str
    patterns: tuple[str, ...]
    wanted: str = field(init=False)
    """As a regular expression, of Python's and of PromQL; empty: any."""
    unwanted: str = field(init=False)

    def __post_init__(self) -> None:
        """Write the patterns once, not at each sample."""
        unwanted = [one[1:] for one in self.patterns if one.startswith(EXCEPT)]
        object.__setattr__(self, "wanted", _expression(self.wanted_patterns))
        object.__setattr__(self, "unwanted", _expression(unwanted))

    @property
    def wanted_patterns(self) -> list[str]:
        """Return the patterns of what is wanted."""
        return [one for one in self.patterns if not one.startswith(EXCEPT)]

    @property
    def has_empty(self) -> bool:
        """Return whether a pattern is without a letter: it would fit all values, or none."""
        return not {"", EXCEPT}.isdisjoint(self.patterns)

    def fits(self, value: str) -> bool:
        """Return whether a value is wanted; of a series without the label it is empty."""
        if self.unwanted and re.fullmatch(self.unwanted, value, re.DOTALL):
            return False
        return not self.wanted or bool(re.fullmatch(self.wanted, value, re.DOTALL))

    def fits_none_of(self, values: Iterable[str]) -> bool:
        """Return whether it wants none of some values."""
        return not any(self.fits(value) for value in values)

    @property
    def words(self) -> str:
        """Return it as a person reads it: `queue in a*, !low`."""
        return f"{self.label} in {', '.join(self.patterns)}"

    @property
    def matchers(self) -> list[str]:
        """Return it as PromQL writes it within braces."""
        given = (("=~", self.wanted), ("!~", self.unwanted))
        return [
            f'{self.label}{sign}"{_quoted(expression)}"'
            for sign, expression in given
            if expression
        ]


@dataclass(frozen=True, slots=True)
class WantedLabel:
    """What a label is to be: a value, or what fits a pattern."""

    label: str
    text: str
    """As it is written."""
    fits: Callable[[str], bool]

    def is_possible(self, values: frozenset[str] | None) -> bool:
        """Return whether a label that has one of these values, or anything, may be as it is wanted."""
        return values is None or any(map(self.fits, values))


def wanted_labels(
    values: Iterable[tuple[str, str]], patterns: Iterable[LabelPatterns] = ()
) -> Iterator[WantedLabel]:
    """Yield one for each value, and for each pattern of what is wanted; what is not wanted need not be there."""
    for label, value in values:
        yield WantedLabel(label, value, value.__eq__)
    for several in patterns:
        for text in several.wanted_patterns:
            alone = LabelPatterns(several.label, (text,))
            yield WantedLabel(several.label, text, alone.fits)


def _expression(patterns: Iterable[str]) -> str:
    return "|".join(_translated(pattern) for pattern in patterns)


def _translated(pattern: str) -> str:
    """Return a pattern as an expression that Go's and Python's regular expressions read alike."""
    escaped = re.escape(pattern)
    return escaped.replace(r"\*", ".*").replace(r"\?", ".")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
