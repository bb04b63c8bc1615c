"""The check of one section against its schema, and the types of values that have messages of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
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
from monitor.config.toml.error_messages import message_of
from monitor.config.toml.problems import Problems
from monitor.config.toml.wording import found
from monitor.model.settings import Scalar
from monitor.timing.durations import parse_duration


class Schema(BaseModel):
    """A table whose keys are all known; nothing is converted from one type to another."""

    # Built at its first use: a start needs a few schemas only, and each takes milliseconds.
    model_config = ConfigDict(
        defer_build=True,
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
    )

    stand_ins: ClassVar[Mapping[str, Any]] = {}
    """Values for required keys that are missing or wrong, so that the rest can be checked on."""


SchemaT = TypeVar("SchemaT", bound=Schema)
ItemT = TypeVar("ItemT")


def validate(schema: type[SchemaT], section: Section, problems: Problems) -> SchemaT:
    """Check a section; what is wrong is noted and left out, so that the rest can be checked on.

    The schema has a stand-in for every key that is required, so there is always something to go on with.
    """
    return schema.model_validate(_sound_data(schema, section, problems))


def try_validate(
    schema: type[SchemaT], section: Section, problems: Problems
) -> SchemaT | None:
    """Check as `validate`; None where a required key is missing or wrong, and nothing can stand in for it."""
    try:
        return validate(schema, section, problems)
    except ValidationError:
        return None


def _sound_data(
    schema: type[Schema], section: Section, problems: Problems
) -> dict[str, Any]:
    """Return what of a section is right, with stand-ins; the rest is noted."""
    data = dict(section.data)
    try:
        schema.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            # "[key]" is how the validator says that the key itself is wrong, not its value.
            keys = [key for key in detail["loc"] if key != "[key]"]
            problems.add(section.origin(*keys), message_of(detail, schema))
            data.pop(str(keys[0]), None)
    return {**schema.stand_ins, **data}


def require_one_of(
    section: Section,
    first: str,
    second: str,
    problems: Problems,
    *,
    at_second: bool = False,
) -> bool:
    """Return whether exactly one of two keys is given, and note it where not.

    `at_second`: where both are given, at the second, and not at the table.
    """
    has_second = second in section.data
    if (first in section.data) != has_second:
        return True
    origin = section.origin(second) if at_second and has_second else section.origin()
    problems.add(origin, f'give exactly one of "{first}" and "{second}"')
    return False


def check_table(
    section: Section,
    key: str,
    items: Mapping[str, ItemT],
    fault: Callable[[str, ItemT], str | None],
    problems: Problems,
) -> None:
    """Note what is wrong with a table's items, by their names; `fault` returns None where nothing is."""
    for name, item in items.items():
        message = fault(name, item)
        if message is not None:
            problems.add(section.origin(key, name), message)


def check_list(
    section: Section,
    key: str,
    items: Iterable[str],
    fault: Callable[[str], str | None],
    problems: Problems,
) -> None:
    """Note what is wrong with a list's items, by their positions; `fault` returns None where nothing is."""
    for position, item in enumerate(items):
        message = fault(item)
        if message is not None:
            problems.add(section.origin(key, position), message)


def refuse_both(section: Section, first: str, second: str, problems: Problems) -> None:
    """Note at the second key where both are given."""
    if section.data.keys() >= {first, second}:
        problems.add(section.origin(second), f'give either "{first}" or "{second}"')


def duration(value: object) -> timedelta:
    """Return a duration as it is written in a file; ValueError says what is allowed."""
    if not isinstance(value, str):
        allowed = "a duration such as 500ms, 30s, 5m, 1h30m, 1d"
        # The validator takes ValueError for a finding, and TypeError for a fault of the program.
        raise ValueError(f"{found(value)}; allowed: {allowed}")  # noqa: TRY004 -- as said
    try:
        return parse_duration(value)
    except OverflowError:
        raise ValueError(f'"{value}" is too long') from None


def _at_least(lowest: timedelta, text: str) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if value < lowest:
            raise ValueError(f"is too short; allowed: {text} or more")
        return value

    return AfterValidator(check)


def from_to(
    lowest: timedelta, highest: timedelta, text: str, *, or_zero: bool = False
) -> AfterValidator:
    """Allow durations from lowest to highest, and none at all where that means never."""

    def check(value: timedelta) -> timedelta:
        is_never = or_zero and not value
        if not is_never and not lowest <= value <= highest:
            raise ValueError(f"is out of range; allowed: {text}")
        return value

    return AfterValidator(check)


def integer_in(lowest: int, highest: int) -> AfterValidator:
    """Allow whole numbers from lowest to highest."""

    def check(value: int) -> int:
        if not lowest <= value <= highest:
            raise ValueError(f"{value} is out of range; allowed: {lowest} to {highest}")
        return value

    return AfterValidator(check)


def _only_true(value: bool) -> bool:  # noqa: FBT001 -- as the validator calls it
    if not value:
        raise ValueError("false says nothing; allowed: true")
    return value


def refusing(fault: Callable[[str], str | None]) -> AfterValidator:
    """Refuse a text of which a function says what is wrong with it; None or "" where nothing is."""

    def check(value: str) -> str:
        message = fault(value)
        if message:
            raise ValueError(message)
        return value

    return AfterValidator(check)


def read_scalar(value: object) -> Scalar:
    """Return what a parameter can be; ValueError says what is allowed."""
    if not isinstance(value, (int, float, bool, str)):
        allowed = "a string, an integer, a float or a boolean"
        raise ValueError(f"{found(value)}; allowed: {allowed}")  # noqa: TRY004 -- as for durations
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    # A BIGINT: no server has a longer one.
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} is out of range; allowed: integers of 64 bits")
    return value


def scalar_text(value: object) -> str:
    """Return a value as a label has it; ValueError says what is allowed."""
    scalar = read_scalar(value)
    # The servers have no boolean: true comes back from them as 1.
    return str(int(scalar) if isinstance(scalar, bool) else scalar)


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value


Duration = Annotated[timedelta, BeforeValidator(duration)]
"""Zero or more, as Prometheus writes it."""
# Both bounds refuse what must be a mistaken unit: ten runs a second are more than a health check.
Interval = Annotated[Duration, _at_least(timedelta(milliseconds=100), "100ms")]
Limit = Annotated[Duration, _at_least(timedelta(milliseconds=1), "1ms")]
ScalarValue = Annotated[Any, PlainValidator(read_scalar)]
ScalarText = Annotated[Any, PlainValidator(scalar_text)]
Text = Annotated[str, AfterValidator(_filled)]
OnlyTrue = Annotated[bool, AfterValidator(_only_true)]
