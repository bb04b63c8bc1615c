"""Write the HTML part of a mail: whole in itself, so that no program loads anything to show it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from types import MappingProxyType
from typing import Final

from monitor.model.settings import Severity
from monitor.model.wording import shortened
from monitor.notify.message_text import AlertText, cell_text
from monitor.notify.plain_text import joined

MAX_TEXT: Final = 4000
"""Characters of one text: a mail that people still read."""
_MAX_CELL: Final = 500
_COLORS: Final = MappingProxyType(
    {
        Severity.CRITICAL: "#b00020",
        Severity.WARNING: "#a06000",
        Severity.INFO: "#205090",
    }
)
_RESOLVED_COLOR: Final = "#107040"
# One line of SQL can be longer than any screen.
_PRE: Final = '<pre style="white-space: pre-wrap; overflow-wrap: anywhere">'
_CELL: Final = "border: 1px solid #c0c0c0; padding: 2px 8px; text-align: left"


def as_html(alerts: Sequence[AlertText], left_out: int, *, subject: str) -> str:
    """Write all alerts, each beside a bar of the colour of how bad it is."""
    blocks = [_alert(alert) for alert in alerts]
    if left_out:
        blocks.append(f"<p>and {left_out} more</p>")
    content = "\n".join(blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{_text(subject)}</title></head>\n"
        f'<body style="font-family: sans-serif">\n{content}\n</body></html>\n'
    )


def facts_of(alert: AlertText) -> str:
    """Write in one line since when it fires, how bad that is, and its value."""
    return f"{alert.status_line}, {alert.severity}, value {alert.value}"


def _alert(alert: AlertText) -> str:
    color = _COLORS[alert.severity] if alert.is_firing else _RESOLVED_COLOR
    lines = [
        f'<div style="border-left: 4px solid {color}; padding-left: 12px; margin-bottom: 24px">',
        f'<h3 style="color: {color}">{_text(alert.summary)}</h3>',
        f"<p>{_text(facts_of(alert))}</p>",
    ]
    if alert.description:
        lines.append(f"<p>{_text(alert.description)}</p>")
    if alert.labels:
        lines.append(f"<p><code>{_text(joined(alert.labels, ', '))}</code></p>")
    for name, text in alert.notes:
        lines.append(f"<p>{_text(name)}</p>{_PRE}{escape(text)}</pre>")
    if alert.evidence:
        lines.append(_table(alert))
    if alert.links:
        links = [
            f'<a href="{escape(address)}">{_text(text)}</a>'
            for text, address in alert.links
        ]
        lines.append(f"<p>{' · '.join(links)}</p>")
    lines.append("</div>")
    return "\n".join(lines)


def _table(alert: AlertText) -> str:
    """Write the evidence, a row for each."""
    names = tuple(dict.fromkeys(name for row in alert.evidence for name in row))
    rows = [_row("th", names)]
    rows += [
        _row("td", [cell_text(row.get(name, "")) for name in names])
        for row in alert.evidence
    ]
    table = "\n".join(rows)
    return f'<table style="border-collapse: collapse">\n{table}\n</table>'


def _row(tag: str, cells: Iterable[str]) -> str:
    made = [
        f'<{tag} style="{_CELL}">{escape(shortened(cell, _MAX_CELL))}</{tag}>'
        for cell in cells
    ]
    return f"<tr>{''.join(made)}</tr>"


def _text(text: str) -> str:
    return escape(shortened(text, MAX_TEXT))
