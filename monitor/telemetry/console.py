"""Write log events for people: short times, colour where a terminal shows it, alerts in two lines."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Mapping
from typing import BinaryIO

from monitor.model.wording import escaped
from monitor.secrets.plain_values import Plain
from monitor.telemetry.event_text import alert_details, alert_text, plain_text

_STYLES = {
    "debug": "2",
    "warning": "33",
    "error": "31",
    "critical": "31;1",
    "resolved": "32",
}
_FAINT = "2"
_LEVEL_WIDTH = 8
_INDENT = " " * 9
_ALERT = "alert."
_MIN_COLUMNS = 40
"""A narrower terminal breaks the lines itself: so few words would stand in each."""


class Console:
    """Turns events into lines. The date, and that times are UTC, stands above the first line of each day.

    `columns` returns how wide the terminal is, 0 where there is none: then no line is broken. It is asked at
    each event, since a window can be made narrower meanwhile.
    """

    def __init__(
        self, *, is_coloured: bool, columns: Callable[[], int] = lambda: 0
    ) -> None:
        self._is_coloured = is_coloured
        self._columns = columns
        self._date = ""

    def line(self, event: Mapping[str, Plain]) -> bytes:
        """Render one event; every character that a terminal would obey is written as an escape."""
        date, _, time_of_day = str(event.get("timestamp", "")).partition("T")
        time = time_of_day[:8]
        name = str(event.get("event", ""))
        lines = self._day(date)
        if name.startswith(_ALERT):
            lines += self._alert(time, name.removeprefix(_ALERT), event)
        else:
            level = str(event.get("level", ""))
            style = _STYLES.get(level, "")
            lines += self._headed(time, level, style, plain_text(name, event))
        trace = str(event.get("exception", ""))
        for trace_line in trace.splitlines():
            lines.append(escaped(trace_line))
        text = "\n".join(line.rstrip() for line in lines)
        return f"{text}\n".encode("utf-8", "replace")

    def _alert(self, time: str, change: str, event: Mapping[str, Plain]) -> list[str]:
        """Return the lines of an alert: what it is, and which one, since when and what to do."""
        of_level = _STYLES.get(str(event.get("level", "")), "")
        style = _STYLES.get(change, of_level)
        lines = self._headed(time, change.upper(), style, alert_text(event))
        details = self._broken(_INDENT, alert_details(change, event))
        return [*lines, *(self._style(line, _FAINT) for line in details)]

    def _day(self, date: str) -> list[str]:
        """Return the line that begins a day, where one does."""
        if date == self._date:
            return []
        self._date = date
        return [self._style(f"-- {escaped(date)}, times are UTC --", _FAINT)]

    def _headed(self, time: str, word: str, style: str, text: str) -> list[str]:
        """Return the lines of a text behind the time and a word in colour."""
        word = f"{escaped(word):{_LEVEL_WIDTH}}"
        head = f"{time} {word} "
        first, *more = self._broken(head, text)
        return [f"{time} {self._style(word, style)} {first[len(head) :]}", *more]

    def _broken(self, head: str, text: str) -> list[str]:
        """Break a text that follows `head` to the terminal's width, between words only."""
        columns = self._columns()
        if not columns or not text:
            return [head + text]
        return textwrap.wrap(
            text,
            max(columns - 1, _MIN_COLUMNS),
            initial_indent=head,
            subsequent_indent=_INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _style(self, text: str, style: str) -> str:
        return f"\033[{style}m{text}\033[0m" if self._is_coloured and style else text


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
