from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from monitor.timing.shift import moved

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


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


def test_what_has_no_instant_stays_the_same_object() -> None:
    value = Part("a", parts=({"b": Part("c")}, [START]))
    assert moved(value, HOUR) is value
