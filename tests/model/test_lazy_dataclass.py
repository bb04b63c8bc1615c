"""Our frozen values beside the library's: whatever one does with them, both do the same."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.lazy_dataclass import dataclass


class _Plain:
    """Two fields that have to be given, one with a default, one that is made, two that are not shown or compared."""

    __qualname__ = "Value"

    name: str
    count: int
    unit: str = "s"
    labels: dict[str, str] = field(default_factory=dict)
    secret: str = field(default="", repr=False)
    note: object = field(default=None, compare=False)
    made: list[int] = field(default_factory=list, init=False)
    fixed: int = field(default=1, init=False)
    unset: int = field(init=False, repr=False, compare=False)


def _copy_of(plain: type) -> type:
    names = ("__annotations__", "__doc__", "__module__", "__qualname__")
    kept = {k: v for k, v in vars(plain).items() if k in names or k[0] != "_"}
    return type("Value", (), kept)


ours: Any = dataclass(frozen=True, slots=True)(_copy_of(_Plain))
theirs: Any = dataclasses.dataclass(frozen=True, slots=True)(_copy_of(_Plain))

_ARGUMENTS = st.fixed_dictionaries(
    {"name": st.text(max_size=2), "count": st.integers(0, 1)},
    optional={
        "unit": st.text(max_size=1),
        "labels": st.dictionaries(st.text(max_size=1), st.text(max_size=1), max_size=1),
        "secret": st.text(max_size=1),
        "note": st.integers(0, 1),
    },
)


@given(_ARGUMENTS, _ARGUMENTS)
def test_values_are_made_shown_and_compared_as_the_librarys_are(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Also with arguments by position, and beside a value of another class."""
    assert repr(ours(**first)) == repr(theirs(**first))
    assert repr(ours(*first.values())) == repr(theirs(*first.values()))
    assert (ours(**first) == ours(**second)) == (theirs(**first) == theirs(**second))
    assert ours(**first) != theirs(**first)


@pytest.mark.parametrize(
    "use",
    [
        lambda cls: cls(),
        lambda cls: cls("a", 1, 2, 3, 4, 5, 6),
        lambda cls: cls("a", 1, other=2),
        lambda cls: hash(cls("a", 1, labels={})),
        lambda cls: setattr(cls("a", 1), "name", "b"),
        lambda cls: delattr(cls("a", 1), "name"),
        lambda cls: dataclasses.replace(cls("a", 1), other=2),
    ],
)
def test_what_the_library_refuses_is_refused_in_its_words(
    use: Callable[[type], object],
) -> None:
    """The same exception, with the same message."""
    with pytest.raises((TypeError, FrozenInstanceError)) as expected:
        use(theirs)
    with pytest.raises(expected.type) as found:
        use(ours)
    assert str(found.value) == str(expected.value)


@dataclass(frozen=True, slots=True)
class Point:
    """Values that hash, with what is done as each is made."""

    x: int
    y: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "y", self.y + 1)


@dataclass(frozen=True, slots=True)
class Named(Point):
    """One that has more than what it is made of."""

    name: str = ""


@dataclass(slots=True)
class Changing:
    """One that is not frozen."""

    count: int = 0


def test_what_is_done_after_the_making_is_done_once() -> None:
    """Also in a class that is made of another one, whose fields come first."""
    assert (Point(1).y, Named(1, 2, "a").y) == (1, 3)
    assert Named(1, 2, "a") == Named(1, 2, "a") != Named(1, 2, "b")


def test_equal_values_are_one_key() -> None:
    """The hash is by what is compared."""
    assert {Point(1): "a"}[Point(1, 0)] == "a"
    assert len({Point(1), Point(2), Point(1, 1)}) == 3


def test_a_copy_is_an_equal_value() -> None:
    """Of whatever makes it."""
    value = Named(1, 2, "a")
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value
    assert dataclasses.replace(Point(1), x=2).x == 2


def test_a_value_can_be_taken_apart_by_position() -> None:
    """In the order of its fields."""
    match Point(1, 1):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_what_is_not_frozen_can_be_assigned_to_and_is_no_key() -> None:
    """As with the library."""
    value = Changing()
    value.count += 1
    assert value == Changing(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)


def test_a_class_without_slots_is_the_librarys_business() -> None:
    """Nothing is half done in silence."""
    with pytest.raises(TypeError, match="slots"):
        dataclass(frozen=True, slots=False)(_copy_of(_Plain))
