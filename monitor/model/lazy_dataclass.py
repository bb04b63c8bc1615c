"""Make frozen values as `dataclasses` does, with methods that are written when they are first called.

The library writes and compiles six methods of each class while it is imported, which was a quarter of the start:
the program has three hundred classes, and most methods of most of them are never called.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

__all__ = ("dataclass",)

_Value = TypeVar("_Value")
_Method: TypeAlias = Callable[..., Any]

_OF_FACTORY = object()
"""The default of an argument whose value a factory makes."""


def _dataclass(
    *, frozen: bool = False, slots: bool
) -> Callable[[type[_Value]], type[_Value]]:
    """Return what `dataclasses.dataclass` does for these two; what wants another of its arguments takes that one."""
    if not slots:
        raise TypeError("of a class without slots the library's own decorator is due")
    return partial(_decorated, is_frozen=frozen)


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass


def _decorated(plain: type[_Value], *, is_frozen: bool) -> type[_Value]:
    # Fields, their order and their slots are the library's business: they take a tenth of its time.
    made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(plain)
    methods: dict[str, _Method | None] = {"__repr__": _repr, "__hash__": None}
    writers = _WRITERS
    if is_frozen:
        methods = {"__repr__": _repr, **_OF_FROZEN}
        writers = {**_WRITERS, "__hash__": _hash}
    for name, write in writers.items():
        methods[name] = _written_later(made, name, write)
    for name, method in methods.items():
        if name not in vars(plain):
            setattr(made, name, method)
    return made


def _written_later(cls: type, name: str, write: Callable[[type], _Method]) -> _Method:
    """Return a method that puts the real one in its own place, and calls it."""

    def method(self: object, *args: object, **named: object) -> Any:
        real = write(cls)
        real.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, real)
        return real(self, *args, **named)

    return method


def _init(cls: type) -> _Method:
    """Write `__init__`: each argument goes into its slot."""
    names: dict[str, Any] = {"_of_factory": _OF_FACTORY}
    arguments, lines = ["self"], []
    for field in dataclasses.fields(cls):
        name = field.name
        names[f"_set_{name}"] = getattr(cls, name).__set__
        names[f"_default_{name}"] = field.default
        names[f"_make_{name}"] = field.default_factory
        if field.init:
            arguments.append(name + _default_of(field))
        if value := _value_of(field):
            lines.append(f"_set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    return _compiled("__init__", arguments, lines or ["pass"], names)


def _default_of(field: dataclasses.Field[Any]) -> str:
    """Return what stands behind a field's name among the arguments."""
    if field.default is not dataclasses.MISSING:
        return f"=_default_{field.name}"
    has_factory = field.default_factory is not dataclasses.MISSING
    return "=_of_factory" if has_factory else ""


def _value_of(field: dataclasses.Field[Any]) -> str:
    """Return the expression of what a field is set to; empty where nothing sets it."""
    name, made = field.name, f"_make_{field.name}()"
    has_factory = field.default_factory is not dataclasses.MISSING
    if field.init:
        return f"{made} if {name} is _of_factory else {name}" if has_factory else name
    if field.default is not dataclasses.MISSING:
        return f"_default_{name}"
    return made if has_factory else ""


def _eq(cls: type) -> _Method:
    """Write `__eq__`: values of one class are equal by what is compared."""
    lines = [
        "if other.__class__ is not self.__class__:",
        "    return NotImplemented",
        f"return {_compared(cls, 'self')} == {_compared(cls, 'other')}",
    ]
    return _compiled("__eq__", ["self", "other"], lines, {})


def _hash(cls: type) -> _Method:
    """Write `__hash__`, by what is compared."""
    return _compiled(
        "__hash__", ["self"], [f"return hash({_compared(cls, 'self')})"], {}
    )


def _compared(cls: type, of: str) -> str:
    names = [field.name for field in dataclasses.fields(cls) if field.compare]
    return "(" + "".join([f"{of}.{name}, " for name in names]) + ")"


def _compiled(
    name: str, arguments: list[str], lines: list[str], names: dict[str, Any]
) -> _Method:
    body = "".join([f"\n    {line}" for line in lines])
    # The same way as the library's: what is compiled are the names of fields, and no word from outside.
    exec(f"def {name}({', '.join(arguments)}):{body}", names)  # noqa: S102
    method: _Method = names[name]
    return method


def _refuse_to_assign(_self: object, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _repr(self: Any) -> str:
    shown = [field.name for field in dataclasses.fields(self) if field.repr]
    pairs = ", ".join([f"{name}={getattr(self, name)!r}" for name in shown])
    return f"{type(self).__qualname__}({pairs})"


def _state_of(self: Any) -> list[object]:
    """Return what a copy of it is made of; without this one a copy would be assigned to."""
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[object]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_WRITERS: Mapping[str, Callable[[type], _Method]] = MappingProxyType(
    {"__init__": _init, "__eq__": _eq}
)
_OF_FROZEN: Mapping[str, _Method] = MappingProxyType(
    {
        "__setattr__": _refuse_to_assign,
        "__delattr__": _refuse_to_delete,
        "__getstate__": _state_of,
        "__setstate__": _set_state,
    }
)
