"""What the keys of a rule may hold, where that is more than one type: thresholds, `for`, labels, hours; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, PlainValidator

from monitor.config.labels import LABEL_NAME
from monitor.config.queries.thresholds import ENDS, RANGE
from monitor.config.toml.validation import duration, read_scalar, scalar_text
from monitor.config.toml.wording import found
from monitor.timing.active_hours import ActiveHours, read_active_hours

_THRESHOLD: Final = 'a number, or a parameter such as ":limit"'
_HOURS: Final = 'hours such as "Mon-Fri 08:00-19:00 Europe/Berlin"'
_NO_PATTERNS: Final = 'is empty; allowed: patterns, such as ["a*", "!b"]'


def _threshold(value: object) -> float | str:
    """Return a number, or a parameter's name behind its colon."""
    is_boolean = isinstance(value, bool)
    is_number = isinstance(value, (int, float))
    if is_number and not is_boolean:
        return float(read_scalar(value))
    text = str(value)
    colon, name = text[:1], text[1:]
    is_name = LABEL_NAME.fullmatch(name) is not None
    if colon != ":" or not is_name:
        raise ValueError(f"{found(value)}; allowed: {_THRESHOLD}")
    return text


def _two_ends(ends: list[Any]) -> list[Any]:
    if len(ends) != ENDS:
        raise ValueError(RANGE)
    return ends


def _one_or_levels(value: object, read: Callable[[object], Any]) -> Any:
    """Return a value, or those of several severities by their words."""
    if not isinstance(value, Mapping):
        return read(value)
    return {word: read(one) for word, one in value.items()}


def _threshold_or_levels(value: object) -> Any:
    return _one_or_levels(value, _threshold)


def _hold_or_levels(value: object) -> Any:
    return _one_or_levels(value, duration)


def _label_value(value: object) -> str | list[str]:
    """Return what a label is to be: a text, or patterns of it."""
    if value == []:
        raise ValueError(_NO_PATTERNS)
    if not isinstance(value, list):
        return scalar_text(value)
    return [scalar_text(one) for one in value]


def _active_hours(value: object) -> ActiveHours:
    if not isinstance(value, str):
        raise ValueError(f"{found(value)}; allowed: {_HOURS}")  # noqa: TRY004 -- for the validator
    return read_active_hours(value)


ThresholdValue = Annotated[Any, PlainValidator(_threshold)]
ThresholdLevels = Annotated[Any, PlainValidator(_threshold_or_levels)]
ThresholdRange = Annotated[list[ThresholdValue], AfterValidator(_two_ends)]
HoldLevels = Annotated[Any, PlainValidator(_hold_or_levels)]
LabelFilter = Annotated[Any, PlainValidator(_label_value)]
HoursValue = Annotated[Any, PlainValidator(_active_hours)]
