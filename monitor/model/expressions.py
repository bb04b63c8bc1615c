"""Arithmetic over named numbers, by which a derived value is computed: from the configuration to alerting."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Sign: TypeAlias = Literal["+", "-", "*", "/"]
"""What is done with two numbers."""


def _divided(first: float, second: float) -> float | None:
    # PromQL has an infinity or NaN here, which every threshold finds or none.
    if second == 0:
        return None
    return first / second


_OPERATIONS: Final[Mapping[Sign, Callable[[float, float], float | None]]] = (
    MappingProxyType(
        {
            "+": operator.add,
            "-": operator.sub,
            "*": operator.mul,
            "/": _divided,
        }
    )
)


@dataclass(frozen=True, slots=True)
class Constant:
    """A number that is written out."""

    number: float

    @property
    def names(self) -> frozenset[str]:
        """Return no name."""
        return frozenset()

    def value(self, _values: Mapping[str, float]) -> float | None:
        """Return the number."""
        return self.number


@dataclass(frozen=True, slots=True)
class InputValue:
    """The value of an input, by its name."""

    name: str

    @property
    def names(self) -> frozenset[str]:
        """Return its name."""
        return frozenset({self.name})

    def value(self, values: Mapping[str, float]) -> float | None:
        """Return its value."""
        return values[self.name]


@dataclass(frozen=True, slots=True)
class Negation:
    """The value of another expression with the other sign."""

    of: Expression

    @property
    def names(self) -> frozenset[str]:
        """Return the names in the expression."""
        return self.of.names

    def value(self, values: Mapping[str, float]) -> float | None:
        """Return the value with the other sign; None where there is none."""
        value = self.of.value(values)
        return None if value is None else -value


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two expressions and what is done with their values."""

    left: Expression
    sign: Sign
    right: Expression

    @property
    def names(self) -> frozenset[str]:
        """Return the names in both expressions."""
        return self.left.names | self.right.names

    def value(self, values: Mapping[str, float]) -> float | None:
        """Return what both come to; None where one has no value, or something is divided by zero."""
        left = self.left.value(values)
        right = self.right.value(values)
        if left is None or right is None:
            return None
        return _OPERATIONS[self.sign](left, right)


Expression: TypeAlias = Constant | InputValue | Negation | Arithmetic
"""What a derived value is computed by. `value` wants a value for each of its `names`; None: it divides by zero."""
