"""Write in words for people what a log event says in fields: what the console writes; pure."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from monitor.model.wording import escaped
from monitor.secrets.plain_values import Plain

# In the line already.
_SHOWN = frozenset(
    {"timestamp", "level", "event", "exception", "target", "query", "message"}
)
# Of use only to a program.
_FOR_PROGRAMS = frozenset(
    {
        "code",
        "fingerprint",
        "first_at",
        "last_at",
        "last_message",
        "recoverable",
        "scheduled_at",
    }
)
_NOT_FIELDS = _SHOWN | _FOR_PROGRAMS
_SAYS_NOTHING = (("repeated", 1), ("duration_seconds", 0))
_SHOWN_LABELS = frozenset({"alertname", "severity", "target"})
_TO_BE_QUOTED = frozenset(' "=\n\t')
_MAX_LISTED = 4
"""Of a longer list a line says only how long it is."""


def plain_text(name: str, event: Mapping[str, Plain]) -> str:
    """Write what happened to what, then the message, then the rest as fields."""
    target = _word(event.get("target"))
    query = _word(event.get("query"))
    subject = _joined("/", target, query)
    message = escaped(_text(event.get("message")))
    what = _joined(": ", subject, message)
    line = _joined(" ", f"{escaped(name):18}", what, _fields(event))
    return line.rstrip()


def alert_text(event: Mapping[str, Plain]) -> str:
    """Write which alert changed, on what, and what was found."""
    name = _text(event.get("alertname"))
    target = _text(event.get("target"))
    subject = _joined(" on ", name, target)
    summary = _text(_mapping(event.get("annotations")).get("summary"))
    what = _joined(": ", subject, summary)
    return escaped(f"{_text(event.get('severity'))} {what}")


def alert_details(change: str, event: Mapping[str, Plain]) -> str:
    """Write of an alert which one it is, and since when and what to do now, or how long it was."""
    labels = _mapping(event.get("labels"))
    which = " ".join(
        f"{key}={_word(labels[key])}" for key in labels if key not in _SHOWN_LABELS
    )
    facts = _resolved_facts(event) if change == "resolved" else _active_facts(event)
    return escaped(_joined(" · ", which, *facts))


def _active_facts(event: Mapping[str, Plain]) -> tuple[str, str]:
    at_least = "at least " if event.get("since_at_least") else ""
    time = _text(event.get("active_at"))[11:19]
    return f"since {at_least}{time}", _what_to_do(event)


def _resolved_facts(event: Mapping[str, Plain]) -> tuple[str, str]:
    fired_seconds = event.get("fired_seconds")
    lasted = ""
    if isinstance(fired_seconds, int | float):
        lasted = f"fired for {fired_seconds:g} s"
    return lasted, _text(event.get("resolve_reason"))


def _what_to_do(event: Mapping[str, Plain]) -> str:
    annotations = _mapping(event.get("annotations"))
    url = annotations.get("runbook_url")
    if url:
        return f"do: {url}"
    runbook = annotations.get("runbook")
    if runbook:
        return f"do: runbook {runbook}"
    return f"why: token-monitor explain {event.get('alertname')}"


def _fields(event: Mapping[str, Plain]) -> str:
    fields = []
    for key, value in event.items():
        if key in _NOT_FIELDS or value is None or (key, value) in _SAYS_NOTHING:
            continue
        fields.append(f"{escaped(key)}={_short(value)}")
    return " ".join(fields)


def _short(value: Plain) -> str:
    """Write a value; of a long list only how long it is."""
    if isinstance(value, float):
        return f"{round(value, 3):g}"
    if not isinstance(value, list):
        return _word(value)
    if 0 < len(value) <= _MAX_LISTED:
        return ",".join(_word(item) for item in value)
    return str(len(value))


def _word(value: Plain) -> str:
    """Write a value as one word; quoted where it would be several."""
    if value is None:
        return ""
    if isinstance(value, str) and _TO_BE_QUOTED.isdisjoint(value):
        return escaped(value)
    return escaped(orjson.dumps(value).decode())


def _text(value: Plain) -> str:
    return "" if value is None else str(value)


def _mapping(value: Plain) -> Mapping[str, Plain]:
    return value if isinstance(value, dict) else {}


def _joined(between: str, *parts: str) -> str:
    """Join what there is."""
    return between.join(part for part in parts if part)
