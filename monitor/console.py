"""Write log events for people: short times, colour where a terminal shows it, alerts in two lines."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Mapping
from typing import BinaryIO

import orjson

from monitor.redaction import Plain

_STYLES = {"debug": "2", "warning": "33", "error": "31", "critical": "31;1"}
_GOOD, _FAINT = "32", "2"
_LEVEL_WIDTH = 8
_INDENT = " " * 9
_ALERT = "alert."
# Said by the line already, or of use only to a program.
_NOT_FIELDS = frozenset({"timestamp", "level", "event", "exception", "target", "query", "message"})
_OF_PROGRAMS = frozenset(
    {"scheduled_at", "code", "fingerprint", "recoverable", "last_message", "first_at", "last_at"}
)
_SAID_LABELS = frozenset({"alertname", "severity", "target"})
_MAX_LISTED = 4
_LEAST_COLUMNS = 40


class Console:
    """Turns events into lines. The date, and that times are UTC, stands above the first line of each day.

    `columns` tells how wide the terminal is, 0 where there is none: then no line is broken.
    """

    def __init__(self, *, is_coloured: bool, columns: Callable[[], int] = lambda: 0) -> None:
        self._is_coloured = is_coloured
        self._columns = columns
        self._date = ""

    def line(self, event: Mapping[str, Plain]) -> bytes:
        """Render one event; every character that a terminal would obey is written as an escape."""
        date, _, time = str(event.get("timestamp", "")).partition("T")
        lines = []
        if date != self._date:
            self._date = date
            lines.append(self._style(f"-- {_shown(date)}, times are UTC --", _FAINT))
        name, level = str(event.get("event", "")), str(event.get("level", ""))
        if name.startswith(_ALERT):
            change = name.removeprefix(_ALERT)
            word, style = change.upper(), _GOOD if change == "resolved" else _STYLES.get(level, "")
            body, details = _alert(change, event), _details(change, event)
        else:
            word, style = level, _STYLES.get(level, "")
            body, details = _plain(name, event), ""
        head = f"{time[:8]} {_shown(word):{_LEVEL_WIDTH}} "
        first, *more = self._broken(head, body)
        lines += [
            f"{head[: len(_INDENT)]}{self._style(head[len(_INDENT) :], style)}{first[len(head) :]}",
            *more,
        ]
        lines += [self._style(line, _FAINT) for line in self._broken(_INDENT, details) if details]
        lines += [_shown(line) for line in str(event.get("exception") or "").splitlines()]
        return "\n".join(line.rstrip() for line in lines).encode("utf-8", "replace") + b"\n"

    def _broken(self, head: str, text: str) -> list[str]:
        """Break a text that follows `head` to the terminal's width, between words only."""
        columns = self._columns()
        if not columns or not text:
            return [head + text]
        return textwrap.wrap(
            text,
            max(columns - 1, _LEAST_COLUMNS),
            initial_indent=head,
            subsequent_indent=_INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _style(self, text: str, style: str) -> str:
        return f"\033[{style}m{text}\033[0m" if self._is_coloured and style else text


def _plain(name: str, event: Mapping[str, Plain]) -> str:
    """Write what happened to what, then the message, then the rest as fields."""
    subject = "/".join(_value(event[key]) for key in ("target", "query") if event.get(key))
    message = event.get("message")
    what = (
        f"{subject}: {_shown(str(message))}" if subject and message else subject or _shown(str(message or ""))
    )
    fields = (
        f"{_shown(key)}={text}"
        for key, value in event.items()
        if key not in _NOT_FIELDS | _OF_PROGRAMS and (text := _field(key, value))
    )
    return " ".join([f"{_shown(name):18}", what, *fields]).rstrip()


def _alert(change: str, event: Mapping[str, Plain]) -> str:
    where = f" on {event['target']}" if event.get("target") else ""
    summary = _mapping(event.get("annotations")).get("summary")
    what = f"{event.get('severity')} {event.get('alertname')}{where}"
    # The summary says what was found, in the present tense.
    between = ", it was: " if change == "resolved" else ": "
    return _shown(f"{what}{between}{summary}" if summary else what)


def _details(change: str, event: Mapping[str, Plain]) -> str:
    """Write the second line of an alert: which one, since when, and what to do now."""
    labels = _mapping(event.get("labels"))
    parts = [" ".join(f"{key}={_value(value)}" for key, value in labels.items() if key not in _SAID_LABELS)]
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


def _field(key: str, value: Plain) -> str:
    """Write a field's value; nothing of one that says nothing to a person."""
    says_nothing = (key == "repeated" and value == 1) or (key == "duration_seconds" and value == 0)
    if value is None or says_nothing:
        return ""
    if isinstance(value, float):
        return f"{round(value, 3):g}"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(map(_value, value)) if 0 < len(value) <= _MAX_LISTED else str(len(value))
    return _value(value)


def _value(value: Plain) -> str:
    if isinstance(value, str) and value and not any(c in value for c in ' "=\n\t'):
        return _shown(value)
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


def columns_of(stream: BinaryIO) -> int:
    """Return how many columns the stream's terminal has now; 0 where it is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0
