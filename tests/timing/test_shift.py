from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from monitor.model.certificates import Certificate
from monitor.timing.shift import moved

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    at: datetime | None = None
    reported: tuple[tuple[str, datetime], ...] = ()
    parts: object = field(default_factory=dict)


def test_every_instant_within_is_moved_and_nothing_else() -> None:
    value = Part(
        "a",
        START,
        (("x", START),),
        {"b": Part("c", START - HOUR), "d": (1, "2026", HOUR, None)},
    )
    assert moved(value, HOUR) == Part(
        "a",
        START + HOUR,
        (("x", START + HOUR),),
        {"b": Part("c", START), "d": (1, "2026", HOUR, None)},
    )


def test_back_again_is_where_it_began() -> None:
    value = (START, MappingProxyType({"a": Part("b", START)}), Part("c"))
    assert moved(moved(value, -HOUR), HOUR) == value


@pytest.mark.parametrize(("end", "by"), [(LAST, HOUR), (FIRST, -HOUR)])
def test_nothing_is_moved_beyond_the_ends_of_time_and_these_stay(
    end: datetime, by: timedelta
) -> None:
    assert moved(end - by / 2, by) == end
    assert moved(end, by) == moved(end, -by) == end


def test_an_instant_that_is_not_by_our_clock_stays_as_it_is() -> None:
    ends = Certificate("server", START)
    assert moved((START, ends), HOUR) == (START + HOUR, ends)


def test_what_has_no_instant_stays_the_same_object() -> None:
    value = Part("a", parts=({"b": Part("c")}, [START]))
    assert moved(value, HOUR) is value
