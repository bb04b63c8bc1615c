"""Write in our words what the validator found wrong with a value; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from monitor.config.toml.problems import near_miss
from monitor.config.toml.wording import found

# What stands under these keys may be a secret, or hold one: messages say its type only.
SECRET_KEYS: Final = frozenset(
    {
        "password",
        "password_env",
        "password_file",
        "url",
        "urls",
        "url_file",
        "headers",
        "header_files",
        "routing_key",
        "routing_key_env",
        "routing_key_file",
        "hmac_secret",
        "hmac_secret_env",
        "hmac_secret_file",
    }
)

_ALLOWED: Final[Mapping[str, str]] = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}


def message_of(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Return what one finding of the validator means: what was found, and what is allowed."""
    message = _MESSAGES.get(error["type"], _wrong_type)
    return message(error, model)


def _unknown_key(error: ErrorDetails, model: type[BaseModel]) -> str:
    *above, key = _path(error)
    return f"unknown key{near_miss(key, _keys_of(model, above))}"


def _missing(_error: ErrorDetails, _model: type[BaseModel]) -> str:
    return "is required"


def _own_check(error: ErrorDetails, _model: type[BaseModel]) -> str:
    """Return the words of a check of our own, which raised ValueError."""
    return str(error["ctx"]["error"])


def _unknown_choice(error: ErrorDetails, _model: type[BaseModel]) -> str:
    # The validator has no list for us: it writes them as 'a', 'b' or 'c'.
    listed = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
    value = error["input"]
    if isinstance(value, str):
        return f'"{value}" is unknown{near_miss(value, listed.split(", "))}'
    return f"{_found(error)}; allowed: {listed}"


def _not_finite(error: ErrorDetails, _model: type[BaseModel]) -> str:
    return f"{error['input']} is not a finite number"


def _wrong_type(error: ErrorDetails, _model: type[BaseModel]) -> str:
    allowed = _ALLOWED.get(error["type"], "another value")
    return f"{_found(error)}; allowed: {allowed}"


_MESSAGES: Final[Mapping[str, Callable[[ErrorDetails, type[BaseModel]], str]]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "value_error": _own_check,
    "literal_error": _unknown_choice,
    "finite_number": _not_finite,
}
"""By the validator's own name of the kind of error; any other is a wrong type."""


def _path(error: ErrorDetails) -> list[str]:
    return [str(key) for key in error["loc"]]


def _found(error: ErrorDetails) -> str:
    is_secret = not SECRET_KEYS.isdisjoint(_path(error))
    return found(error["input"], is_secret=is_secret)


def _keys_of(model: type[BaseModel], path: list[str]) -> list[str]:
    """Return the keys that a table of a schema may have; none where the path leads to no schema."""
    for name in path:
        inner = _shape_in(_annotations(model).get(name))
        if inner is None:
            return []
        model = inner
    return list(_annotations(model))


def _annotations(model: type[BaseModel]) -> dict[str, Any]:
    """Return what each key of a table may hold, by its name in the file."""
    fields = model.model_fields.items()
    return {info.alias or name: info.annotation for name, info in fields}


def _shape_in(annotation: Any) -> type[BaseModel] | None:
    """Return the schema of an annotation, alone or as in `TlsSchema | None`."""
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None
