"""Write log events for people: short times, colour where a terminal shows it, alerts in two lines."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from monitor.redaction import Plain

_STYLES = {"debug": "2", "warning": "33", "error": "31", "critical": "31;1"}
_GOOD, _DATE, _REST = "32", "2", "2"
_LEVEL_WIDTH = 8
_INDENT = " " * 9
_ALERT = "alert."
# Said by the first line, or of use only to a program.
_OF_PROGRAMS = frozenset({"scheduled_at", "code", "fingerprint"})
_SAID_LABELS = frozenset({"alertname", "severity", "target"})
_DIGITS = 6


class Console:
    """Turns events into lines. The date, and that times are UTC, stands above the first line of each day."""

    def __init__(self, *, is_coloured: bool) -> None:
        self._is_coloured = is_coloured
        self._date = ""

    def line(self, event: Mapping[str, Plain]) -> bytes:
        """Render one event; every character that a terminal would obey is written as an escape."""
        date, _, time = str(event.get("timestamp", "")).partition("T")
        day = ""
        if date != self._date:
            self._date = date
            day = self._style(f"-- {_shown(date)}, times are UTC --", _DATE) + "\n"
        name = str(event.get("event", ""))
        body = self._alert(name, event) if name.startswith(_ALERT) else self._plain(name, event)
        trace = event.get("exception")
        text = f"{day}{time[:8]} {body}".rstrip("\n")
        if isinstance(trace, str):
            text = "\n".join([text, *(_shown(line) for line in trace.splitlines())])
        return text.encode("utf-8", "replace") + b"\n"

    def _plain(self, name: str, event: Mapping[str, Plain]) -> str:
        level = str(event.get("level", ""))
        fields = [
            f"{_shown(key)}={_value(value)}"
            for key, value in event.items()
            if key not in ("timestamp", "level", "event", "exception", *_OF_PROGRAMS) and value is not None
        ]
        head = self._style(f"{level:{_LEVEL_WIDTH}}", _STYLES.get(level, ""))
        return " ".join([f"{head} {_shown(name):18}", *fields]).rstrip()

    def _alert(self, name: str, event: Mapping[str, Plain]) -> str:
        change = name.removeprefix(_ALERT)
        level = str(event.get("level", ""))
        style = _GOOD if change == "resolved" else _STYLES.get(level, "")
        what = f"{change.upper():{_LEVEL_WIDTH}} {event.get('severity')} {event.get('alertname')}"
        target = event.get("target")
        where = f" on {target}" if target else ""
        summary = _mapping(event.get("annotations")).get("summary")
        first = f"{self._style(_shown(what), style)}{_shown(where)}: {_shown(str(summary or ''))}"
        return f"{first.rstrip(': ')}\n{_INDENT}{self._style(_details(change, event), _REST)}"

    def _style(self, text: str, style: str) -> str:
        return f"\033[{style}m{text}\033[0m" if self._is_coloured and style else text


def _details(change: str, event: Mapping[str, Plain]) -> str:
    """Write the second line of an alert: which one, since when, and what to do now."""
    labels = _mapping(event.get("labels"))
    parts = [
        " ".join(f"{_shown(key)}={_value(value)}" for key, value in labels.items() if key not in _SAID_LABELS)
    ]
    if change == "resolved":
        fired_seconds = event.get("fired_seconds")
        parts.append(f"fired for {fired_seconds:g} s" if isinstance(fired_seconds, int | float) else "")
        parts.append(str(event.get("resolve_reason") or ""))
    else:
        at_least = "at least " if event.get("since_at_least") else ""
        parts.append(f"since {at_least}{str(event.get('active_at'))[11:19]}")
        parts.append(_what_to_do(event))
    return _shown(" · ".join(part for part in parts if part))


def _what_to_do(event: Mapping[str, Plain]) -> str:
    annotations = _mapping(event.get("annotations"))
    if url := annotations.get("runbook_url"):
        return f"do: {url}"
    if runbook := annotations.get("runbook"):
        return f"do: runbook {runbook}"
    return f"why: token-monitor explain {event.get('alertname')}"


def _mapping(value: Plain) -> Mapping[str, Plain]:
    return value if isinstance(value, dict) else {}


def _value(value: Plain) -> str:
    if isinstance(value, str) and value and not any(c in value for c in ' "=\n\t'):
        return _shown(value)
    if isinstance(value, float):
        value = round(value, _DIGITS)
    return _shown(orjson.dumps(value).decode())


def _shown(text: str) -> str:
    """Escape what is no printable character: line ends of any kind, controls, changes of direction."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_coloured(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Return whether to write colours: NO_COLOR forbids, FORCE_COLOR demands them; else only a terminal."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return is_terminal and environ.get("TERM") not in (None, "", "dumb")
