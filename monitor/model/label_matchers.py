"""Matchers of labels as Alertmanager has them, such as `target=~"db-.*"`: which alerts are meant; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_VALUE: Final = 1_000
"""The longest value or expression of a matcher, in characters."""
_LABEL: Final = r"[A-Za-z_][A-Za-z0-9_]*"
# The rest is stripped afterwards: to look for its last blank here would take the square of how many there are.
_MATCHER: Final = re.compile(rf"\s*({_LABEL})\s*(=~|!=|!~|=)(.*)", re.DOTALL)
_MAX_TEXT: Final = 3 * MAX_VALUE
"""Of a matcher as it is written: escapes and blanks are longer than what they say."""
MAX_MATCHERS: Final = 20
"""Of a silence, or of what is asked for at once."""
_MAX_CLASSES: Final = 10
"""Each class of Unicode, such as \\w, takes 80 kB once it is compiled."""
_MAX_STATES: Final = 10_000
_CLASS: Final = re.compile(r"\\[wWdDsSpPbB]")
_COUNTED: Final = re.compile(r"\{([0-9]*),?([0-9]*)\}")
_ESCAPES: Final = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


class MatchOperator(StrEnum):
    """How a label's value is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    FITS = "=~"
    FITS_NOT = "!~"

    @classmethod
    def of(cls, *, is_regex: bool, is_positive: bool) -> MatchOperator:
        """Return the one that compares in this way."""
        if is_regex:
            return cls.FITS if is_positive else cls.FITS_NOT
        return cls.EQUAL if is_positive else cls.NOT_EQUAL

    @property
    def is_regex(self) -> bool:
        """Return whether it compares with an expression."""
        return self in (MatchOperator.FITS, MatchOperator.FITS_NOT)

    @property
    def is_positive(self) -> bool:
        """Return whether it wants what the value says, and not all else."""
        return self in (MatchOperator.EQUAL, MatchOperator.FITS)


@dataclass(frozen=True, slots=True)
class LabelMatcher:
    """One condition on one label; a label that is not there has an empty value. ValueError of a bad expression.

    Expressions fit the whole value. They are those of Rust's `regex`, which comes with pydantic: RE2's syntax
    but for rarities, and time in proportion to the text, so that nobody's expression holds up the monitor.
    """

    label: str
    operator: MatchOperator
    value: str
    _expression: SchemaValidator | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the expression once."""
        expression = _compiled(self.value) if self.operator.is_regex else None
        object.__setattr__(self, "_expression", expression)

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels is meant."""
        value = labels.get(self.label, "")
        is_so = value == self.value
        if self._expression is not None:
            is_so = self._expression.isinstance_python(value)
        return is_so is self.operator.is_positive

    def __str__(self) -> str:
        """Write it as amtool does."""
        return matcher_text(self.label, self.operator, self.value)


def matcher_text(label: str, operator: MatchOperator, value: str) -> str:
    """Write a matcher as amtool does, and as `parse_matcher` reads it."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    escaped = quoted.replace("\n", "\\n")
    return f'{label}{operator}"{escaped}"'


def matcher_to_json(matcher: LabelMatcher) -> dict[str, str | bool]:
    """Return a matcher as Alertmanager's API has it."""
    return {
        "name": matcher.label,
        "value": matcher.value,
        "isRegex": matcher.operator.is_regex,
        "isEqual": matcher.operator.is_positive,
    }


def parse_matcher(text: str) -> LabelMatcher:
    """Read a matcher as amtool takes it: the value in quotes or without; ValueError says what is wrong."""
    if len(text) > _MAX_TEXT:
        raise ValueError(f"a matcher is longer than {_MAX_TEXT} characters")
    match = _MATCHER.fullmatch(text)
    if match is None:
        raise ValueError(
            f'"{text}" is not a matcher; allowed: label=value, and !=, =~, !~ in place of ='
        )
    label, operator, value = match.groups()
    return a_matcher(label, MatchOperator(operator), _unquoted(value.strip()))


def a_matcher(label: str, operator: MatchOperator, value: str) -> LabelMatcher:
    """Return a matcher of parts that anybody may have sent; ValueError says what is wrong."""
    if re.fullmatch(_LABEL, label) is None:
        raise ValueError(f'"{label}" is not the name of a label')
    if len(value) > MAX_VALUE:
        raise ValueError(f"{label}: is longer than {MAX_VALUE} characters")
    if operator.is_regex and _is_large(value):
        raise ValueError(
            f'{label}: "{value}" is too large; allowed: {_MAX_CLASSES} times \\w, \\d, \\s or \\p,'
            f" and {_MAX_STATES} characters, as often as they are repeated"
        )
    try:
        return LabelMatcher(label, operator, value)
    except SchemaError as error:
        why = str(error).splitlines()[-1].removeprefix("error: ").strip()
        message = f'{label}: "{value}" is not a regular expression: {why}'
        raise ValueError(message) from None


def _unquoted(value: str) -> str:
    """Return what quotes enclose, with Go's commonest escapes; a value without quotes as it is."""
    if len(value) < 2 or not value.startswith('"') or not value.endswith('"'):
        return value
    return re.sub(r'\\[n"\\]', lambda found: _ESCAPES[found[0]], value[1:-1])


def _is_large(expression: str) -> bool:
    """Return whether an expression could take more than a megabyte: repetitions may stand within each other."""
    times = 1
    for least, most in _COUNTED.findall(expression):
        times *= max(int(f"0{least}"), int(f"0{most}"), 1)
    classes = len(_CLASS.findall(expression))
    return times * classes > _MAX_CLASSES or times * len(expression) > _MAX_STATES


def _compiled(expression: str) -> SchemaValidator:
    # In a group of its own: else the anchors would belong to the first and the last alternative.
    anchored = core_schema.str_schema(
        pattern=f"^(?:{expression})$", regex_engine="rust-regex"
    )
    return SchemaValidator(anchored)
