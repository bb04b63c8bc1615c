"""A webhook's own body: a Jinja template, checked at load and filled at each delivery; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jinja2 import Template

_HOSTILE: Final = 'a "quoted" \\ text\nof two lines, <b>, {{ braces }}'
_OPEN: Final = frozenset(
    {"labels", "annotations", "groupLabels", "commonLabels", "commonAnnotations"}
)  # whose names depend on the alert


class BodyTemplate:
    """A template that was understood; ValueError says what is wrong with it, and in which line."""

    def __init__(self, text: str, *, is_json: bool) -> None:
        self._template = _compiled(text)
        self._is_json = is_json

    def render(self, body: Mapping[str, Any]) -> str:
        """Fill it; ValueError where the template cannot be filled, or gives no JSON where it should."""
        return self._filled(_opened(body, ""))

    def check(self) -> None:
        """Try it on alerts of all kinds, with texts that break whatever does not quote them."""
        for sample in samples():
            self._filled(_opened(sample, _HOSTILE))

    def _filled(self, context: Mapping[str, Any]) -> str:
        try:
            text = self._template.render(context)
        except Exception as error:  # noqa: BLE001 - a template is a program of the user's: it can raise anything
            raise ValueError(f"{_line_in(error)}{_words_of(error)}") from None
        if self._is_json:
            try:
                json.loads(text, parse_constant=_no_constant)
            except ValueError as error:
                raise ValueError(
                    f"gives no JSON ({error}); write every value as {{{{ value | tojson }}}}, without quotes"
                ) from None
        return text


def is_json(content_type: str) -> bool:
    """Return whether a media type is JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def samples() -> Sequence[Mapping[str, Any]]:
    """Return bodies to try a template on: what fires with others, and what is over alone."""
    firing, resolved = _alert("firing"), _alert("resolved")
    return (_body("firing", [firing, resolved, firing]), _body("resolved", [resolved]))


class _Open(dict[str, str]):
    """Labels or annotations: a name that an alert does not have is an empty text, as in Alertmanager."""

    def __init__(self, pairs: Mapping[str, str], missing: str) -> None:
        super().__init__(pairs)
        self._missing = missing

    def __missing__(self, name: str) -> str:
        return self._missing


def _opened(value: Any, missing: str) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _Open(inner, missing) if key in _OPEN else _opened(inner, missing)
            for key, inner in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_opened(inner, missing) for inner in value]
    return value


def _compiled(text: str) -> Template:
    # Imported here: who has no template does not pay for it at the start.
    from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        autoescape=False, undefined=StrictUndefined
    )

    def refuse(value: object) -> str:
        if isinstance(value, Undefined):
            return str(value)  # which raises, and says what is unknown
        raise TypeError

    def to_json(value: Any, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent, default=refuse)

    # Jinja's own writes < as \u003c, for HTML.
    environment.filters["tojson"] = to_json
    try:
        return environment.from_string(text)
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.message}") from None
    except (RecursionError, SyntaxError, MemoryError):
        # The template becomes a program, and Python refuses one that is nested so.
        raise ValueError("is nested too deep") from None


def _line_in(error: BaseException) -> str:
    """Return the line of the template in the trace of its error, for a message; empty where it has none."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f"line {lines[-1]}: " if lines else ""


def _words_of(error: Exception) -> str:
    from jinja2 import TemplateError

    # Other errors may repeat values.
    return str(error) if isinstance(error, TemplateError) else type(error).__name__


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _body(status: str, alerts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="Sample", target="main"}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "sample",
        "groupLabels": {"alertname": "Sample", "target": "main"},
        "commonLabels": {
            "alertname": "Sample",
            "severity": "warning",
            "target": "main",
        },
        "commonAnnotations": {"summary": _HOSTILE},
        "externalURL": "https://monitor.example.com",
        "alerts": alerts,
    }


def _alert(status: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {
            "alertname": "Sample",
            "plan": _HOSTILE,
            "severity": "warning",
            "target": "main",
        },
        "annotations": {
            "description": _HOSTILE,
            "evidence": '[{"user_id": 1}]',
            "summary": _HOSTILE,
        },
        "startsAt": "2026-01-01T00:00:00.000Z",
        "endsAt": "0001-01-01T00:00:00Z"
        if status == "firing"
        else "2026-01-01T00:05:00.000Z",
        "generatorURL": "https://monitor.example.com/#0123456789abcdef",
        "fingerprint": "0123456789abcdef",
    }
