"""The shape of tables: types of values with their own messages, and the check of one section against one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidationError,
)

from monitor.config.toml.document import Section
from monitor.config.toml.error_messages import found, message_of
from monitor.config.toml.problems import Problems
from monitor.model.settings import Scalar
from monitor.timing.durations import parse_duration

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
EMPTY_LABEL = "is empty, and an empty label is no label"
RESERVED_LABELS = frozenset(
    {"alertname", "severity", "target", "job", "instance", "le", "quantile"}
)


class Shape(BaseModel):
    """A table whose keys are all known; nothing is converted from one type to another."""

    model_config = ConfigDict(
        defer_build=True, extra="forbid", strict=True, frozen=True, allow_inf_nan=False
    )

    stand_ins: ClassVar[Mapping[str, Any]] = {}
    """Values for required keys that are missing or wrong, so that the rest can be checked on."""


ShapeT = TypeVar("ShapeT", bound=Shape)


def validate(
    shape: type[ShapeT], section: Section, problems: Problems
) -> ShapeT | None:
    """Check a section; what is wrong is noted and left out, so that the rest can be checked on.

    None where a required key is missing, or was left out, and nothing can stand in for it.
    """
    data = dict(section.data)
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            keys = tuple(key for key in detail["loc"] if key != "[key]")
            problems.add(section.origin(*keys), message_of(detail, shape))
            data.pop(str(keys[0]), None)
    try:
        return shape.model_validate({**shape.stand_ins, **data})
    except ValidationError:
        return None


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004
            f"{found(value)}; allowed: a duration such as 500ms, 30s, 5m, 1h30m, 1d"
        )
    try:
        return parse_duration(value)
    except OverflowError:
        raise ValueError(f'"{value}" is too long') from None


def _at_least(lowest: timedelta, text: str) -> Callable[[timedelta], timedelta]:
    def check(value: timedelta) -> timedelta:
        if value < lowest:
            raise ValueError(f"is too short; allowed: {text} or more")
        return value

    return check


def from_to(
    lowest: timedelta, highest: timedelta, text: str, *, or_zero: bool = False
) -> AfterValidator:
    """Allow durations from lowest to highest, and none at all where that means never."""

    def check(value: timedelta) -> timedelta:
        if not (lowest <= value <= highest or (or_zero and not value)):
            raise ValueError(f"is out of range; allowed: {text}")
        return value

    return AfterValidator(check)


def between(lowest: int, highest: int) -> AfterValidator:
    """Allow whole numbers from lowest to highest."""

    def check(value: int) -> int:
        if not lowest <= value <= highest:
            raise ValueError(f"{value} is out of range; allowed: {lowest} to {highest}")
        return value

    return AfterValidator(check)


def read_scalar(value: object) -> Scalar:
    """Accept what a parameter can be; ValueError says what is allowed."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} is out of range; allowed: integers of 64 bits")
    if not isinstance(value, (int, float, bool, str)):
        raise ValueError(  # noqa: TRY004
            f"{found(value)}; allowed: a string, an integer, a float or a boolean"
        )
    return value


def _scalar_text(value: object) -> str:
    scalar = read_scalar(value)
    # The servers have no boolean: true comes back from them as 1.
    return str(int(scalar) if isinstance(scalar, bool) else scalar)


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""Zero or more, as Prometheus writes it."""
Interval = Annotated[
    Duration, AfterValidator(_at_least(timedelta(milliseconds=100), "100ms"))
]
Limit = Annotated[Duration, AfterValidator(_at_least(timedelta(milliseconds=1), "1ms"))]
ScalarValue = Annotated[Any, PlainValidator(read_scalar)]
ScalarText = Annotated[Any, PlainValidator(_scalar_text)]
Text = Annotated[str, AfterValidator(_filled)]


def label_fault(name: str) -> str | None:
    """Say why a name cannot be a label, or None where it can."""
    if LABEL_NAME.fullmatch(name) is None:
        return f'"{name}" is not a label name; allowed: letters, digits and _, no digit first'
    if name.startswith("__") or name in RESERVED_LABELS:
        return f'label "{name}" is reserved'
    return None
