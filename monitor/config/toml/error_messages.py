"""Say in our words what the validator found wrong with a value; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import TYPE_CHECKING, Any

from monitor.config.toml.problems import near_miss

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

# What stands under these keys may be a secret, or hold one: messages say its type only.
SECRET_KEYS = frozenset(
    {
        *(
            "password",
            "password_env",
            "password_file",
            "url",
            "urls",
            "url_file",
            "headers",
            "header_files",
        ),
        *("routing_key", "routing_key_env", "routing_key_file"),
        *("hmac_secret", "hmac_secret_env", "hmac_secret_file"),
    }
)

_ALLOWED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}


def found(value: object, *, is_secret: bool = False) -> str:
    """Describe a value by what it is in TOML."""
    if isinstance(value, Mapping):
        return "found a table"
    if isinstance(value, list):
        return "found a list"
    if isinstance(value, (date, time)):
        return "found a date or time"
    kind, text = _kind_and_text(value)
    return f"found {kind}" if is_secret else f"{text} is {kind}"


def _kind_and_text(value: object) -> tuple[str, str]:
    if isinstance(value, bool):
        return "a boolean", str(value).lower()
    if isinstance(value, int):
        return "an integer", str(value)
    if isinstance(value, float):
        return "a float", str(value)
    text = str(value)
    return "a string", f'"{text}"' if len(text) <= 60 else f'"{text[:57]}..."'


def message_of(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Say what one finding of the validator means: what was found, and what is allowed."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    path = tuple(str(key) for key in error["loc"])
    is_secret = any(key in SECRET_KEYS for key in path)
    if kind == "extra_forbidden":
        return f"unknown key{near_miss(path[-1], keys_of(model, path[:-1]))}"
    if kind == "missing":
        return "is required"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        choices = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        if not isinstance(value, str):
            return f"{found(value, is_secret=is_secret)}; allowed: {', '.join(choices)}"
        return f'"{value}" is unknown{near_miss(value, choices)}'
    if kind == "finite_number":
        return f"{value} is not a finite number"
    allowed = _ALLOWED.get(kind, "another value")
    return f"{found(value, is_secret=is_secret)}; allowed: {allowed}"


def keys_of(model: type[BaseModel], path: tuple[str, ...]) -> tuple[str, ...]:
    """List the keys that a table of a shape may have."""
    for name in path:
        inner = _field(model, name)
        if inner is None:
            return ()
        model = inner
    return tuple(info.alias or name for name, info in model.model_fields.items())


def _field(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    from pydantic import BaseModel

    for field_name, info in model.model_fields.items():
        if name == (info.alias or field_name):
            options: tuple[Any, ...] = (
                info.annotation,
                *getattr(info.annotation, "__args__", ()),
            )
            return next(
                (
                    o
                    for o in options
                    if isinstance(o, type) and issubclass(o, BaseModel)
                ),
                None,
            )
    return None
