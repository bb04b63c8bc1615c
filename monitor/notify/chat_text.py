"""Alerts as lines of a chat message, no longer than a service takes; between message_text and kinds; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from monitor.model.alerts import Notification
from monitor.model.settings import Severity
from monitor.notify.message_text import AlertText, alert_text, worst_first
from monitor.notify.plain_text import is_code, joined

_MAX_FACTS: Final = 150
# With less room than this a line, or a block of code, says nothing.
_MIN_LINE: Final = 60
_MIN_CODE: Final = 100

# Of an address behind a button: ten alerts with two of them each leave room for their texts.
_MAX_BUTTON: Final = 500

_COLORS: Final = MappingProxyType(
    {
        Severity.CRITICAL: "#d00000",
        Severity.WARNING: "#daa038",
        Severity.INFO: "#439fe0",
    }
)
RESOLVED_COLOR: Final = "#2eb886"

# What a chat takes for a call to somebody, or for an address to make a link of.
_LIVE: Final = re.compile(r"@|(?<=:)(?=//)|(?<=\bwww)(?=\.)", re.IGNORECASE)


class Role(StrEnum):
    """What a line is for, by which services choose how it looks."""

    SUMMARY = "summary"
    FACTS = "facts"
    TEXT = "text"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line, or block of lines, as the service writes it."""

    role: Role
    text: str


def as_it_is(text: str) -> str:
    """Return the text."""
    return text


def quiet(text: str) -> str:
    """Break what would call people or become a link, by a space that nobody sees."""
    return _LIVE.sub("\\g<0>\u200b", text)


def without_fences(text: str) -> str:
    """Break three backticks in a row, which would end a block of code; single ones are quotes of SQL names."""
    return text.replace("```", "` ` `")


@dataclass(frozen=True, slots=True)
class Markup:
    """How a service writes what is bold, code or a link, and what of a text it would read as such."""

    escapes: Mapping[str, str] = field(default_factory=dict)
    """What stands for a character of a text that the service would read as its own."""
    code_escapes: Mapping[str, str] = field(default_factory=dict)
    bold: tuple[str, str] = ("", "")
    code: tuple[str, str] = ("", "")
    link: str = "{text}: {address}"
    link_escapes: Mapping[str, str] = field(default_factory=dict)
    tamed: Callable[[str], str] = as_it_is
    """Takes from a text what calls people, before it is escaped."""
    tamed_code: Callable[[str], str] = as_it_is

    def line(self, role: Role, text: str, max_length: int) -> TextLine:
        """Write a line of a role, no longer than that with all that marks it."""
        if role is Role.CODE:
            tamed = self.tamed_code(text)
            return TextLine(
                role, _within(self.code, tamed, max_length, self.code_escapes)
            )
        marks = self.bold if role is Role.SUMMARY else ("", "")
        return TextLine(
            role, _within(marks, self.tamed(text), max_length, self.escapes)
        )

    def escaped(self, text: str, max_length: int) -> str:
        """Write a text that is not marked."""
        return cut(self.tamed(text), max_length, self.escapes)

    def links(self, alert: AlertText) -> str:
        """Write the links of an alert in one line."""
        links = []
        for text, address in alert.links:
            target = cut(address, 2 * len(address) + 1, self.link_escapes)
            links.append(self.link.format(text=text, address=target))
        return " · ".join(links)


PLAIN: Final = Markup()
"""Of services that show a text as it is."""


def units(text: str) -> int:
    """Return the length as services count it that do so in UTF-16, where others count less."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, max_length: int, escapes: Mapping[str, str]) -> str:
    """Escape a text, and shorten what is then too long: between escapes, and with a mark that says so."""
    parts: list[str] = []
    left = max_length - 1
    for character in text:
        part = escapes.get(character, character)
        left -= units(part)
        if left < 0:
            return "".join(parts) + "…"
        parts.append(part)
    return "".join(parts)


def color_of(alert: AlertText) -> str:
    """Return the colour of how bad it is, `#rrggbb`."""
    return _COLORS[alert.severity] if alert.is_firing else RESOLVED_COLOR


def texts_of(
    notification: Notification, external_url: str, *, max_alerts: int, max_length: int
) -> tuple[list[AlertText], int]:
    """Put a notification's alerts into words, what fires first and the worst of it foremost; count the rest."""
    shown = worst_first(notification)[:max_alerts]
    texts = [
        alert_text(alert, notification, external_url, max_length=max_length)
        for alert in shown
    ]
    return texts, len(notification.alerts) - len(shown)


def short_links(alert: AlertText) -> Sequence[tuple[str, str]]:
    """Return the links for buttons, which have no share in the length of the text, without those too long."""
    return [link for link in alert.links if len(link[1]) <= _MAX_BUTTON]


def section(alert: AlertText, markup: Markup, max_length: int) -> str:
    """Write one alert; of what is too long the evidence goes first, the links never."""
    links = markup.links(alert)
    if units(links) >= max_length // 2:
        links = ""
    lines = [
        line.text for line in lines_of(alert, markup, max_length - units(links) - 1)
    ]
    if links:
        lines.append(links)
    return "\n".join(lines)


def lines_of(alert: AlertText, markup: Markup, max_length: int) -> Sequence[TextLine]:
    """Write one alert without its links, in lines that joined are no longer than that."""
    facts = f"{alert.status_line} · {alert.severity} · value {alert.value}"
    lines = [
        markup.line(Role.SUMMARY, alert.summary, max_length // 3),
        markup.line(Role.FACTS, facts, min(_MAX_FACTS, max_length // 2)),
    ]
    left = max_length - sum(units(line.text) + 1 for line in lines)
    for part in _parts(alert):
        if left < part.min_length:
            break
        for role, text in part.lines:
            line = markup.line(role, text, left - 1)
            lines.append(line)
            left -= units(line.text) + 1
    return lines


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """What is written as a whole or not at all, cut where it is too long."""

    lines: tuple[tuple[Role, str], ...]
    min_length: int = _MIN_LINE


def _parts(alert: AlertText) -> Iterator[_Paragraph]:
    """Write each part as its text, and the code that is to be copied as it stands."""
    if alert.description:
        yield _Paragraph(((Role.TEXT, alert.description),))
    if alert.labels:
        yield _Paragraph(((Role.TEXT, joined(alert.labels, "  ")),))
    for name, text in alert.notes:
        if is_code(text):
            lines = ((Role.TEXT, f"{name}:"), (Role.CODE, text.strip()))
            yield _Paragraph(lines, _MIN_CODE)
        else:
            yield _Paragraph(((Role.TEXT, f"{name}: {text}"),))
    evidence = "\n".join(alert.evidence_lines)
    if evidence:
        yield _Paragraph(((Role.CODE, evidence),), _MIN_CODE)


def _within(
    marks: tuple[str, str], text: str, max_length: int, escapes: Mapping[str, str]
) -> str:
    begin, end = marks
    return f"{begin}{cut(text, max_length - len(begin) - len(end), escapes)}{end}"
