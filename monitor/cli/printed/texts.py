"""Texts of rules in Prometheus's templates: the names in braces become what Prometheus knows; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from monitor.model.settings import Scalar
from monitor.model.wording import format_number

_NAME: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)(?::([^{}]*))?\}")
# Prometheus has no name for since when.
_SINCE: Final = re.compile(r",? since \{since\}")
_SINCE_FIRST: Final = re.compile(r"Since \{since\},? (\S)")
UNKNOWN: Final = "…"
"""What stands for a name that only the monitor knows: a column that is not exported, the number of findings."""
# Two in a row would begin an action of the template.
_BRACES: Final[Mapping[str, str]] = MappingProxyType({"{": '{{ "{" }}', "}": "}"})
_FUNCTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "duration": "humanizeDuration",
        "percent": "humanizePercentage",
        "bytes": "humanize",
    }
)


def template(
    text: str,
    labels: Collection[str],
    values: Mapping[str, Scalar],
    threshold: str,
) -> str:
    """Return a text as Prometheus's template; `values` are the parameters of the query.

    A label wins over a parameter of its name, as it does in our own texts.
    """
    literals = {name: _literal(value) for name, value in values.items()}
    literals["threshold"] = threshold
    known = {name: f"{{{{ $labels.{name} }}}}" for name in labels}
    known["target"] = "{{ $labels.target }}"

    def replace(match: re.Match[str]) -> str:
        name, spec = match[1], match[2]
        if name is None:
            return _BRACES[match[0][0]]
        if name == "value":
            return _value(spec or "")
        return {**literals, **known}.get(name, UNKNOWN)

    text = _SINCE_FIRST.sub(lambda match: match[1].upper(), text)
    return _NAME.sub(replace, _SINCE.sub("", text))


def _value(spec: str) -> str:
    function = _FUNCTIONS.get(spec)
    if function is not None:
        return f"{{{{ $value | {function} }}}}"
    if spec.startswith("."):
        return f'{{{{ printf "%{spec}" $value }}}}'
    return "{{ $value }}"


def _literal(value: Scalar) -> str:
    if isinstance(value, bool | str):
        return str(value)
    return format_number(value)
