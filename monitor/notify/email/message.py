"""Make an e-mail of a notification, as text and as HTML; between notifications and SMTP; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from email.headerregistry import HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from html import escape
from types import MappingProxyType
from typing import Final

from monitor.model.alerts import Notification
from monitor.model.settings import Severity
from monitor.model.wording import shortened
from monitor.notify.email.settings import EmailSettings
from monitor.notify.message_text import AlertText, alert_text, title
from monitor.notify.plain_text import is_code, joined

# Bounds of our own: a mail that people still read, and that every server takes.
_MAX_ALERTS: Final = 50
_MAX_TEXT: Final = 4000
_MAX_SUBJECT: Final = 200
_COLORS: Final = MappingProxyType(
    {
        Severity.CRITICAL: "#b00020",
        Severity.WARNING: "#a06000",
        Severity.INFO: "#205090",
    }
)
_RESOLVED_COLOR: Final = "#107040"


def mail_of(
    notification: Notification, settings: EmailSettings, *, external_url: str
) -> EmailMessage:
    """Make the mail; the same at each attempt, so that its id shows that it came before."""
    texts = [
        alert_text(alert, notification, external_url, max_length=_MAX_TEXT)
        for alert in notification.alerts[:_MAX_ALERTS]
    ]
    left_out = len(notification.alerts) - len(texts)
    domain = address_in(settings.sender).rpartition("@")[2]
    own_id = _digest(notification.receiver, notification.key)
    # All mails about one rule and target are one conversation.
    group_id = _digest(notification.receiver, _group_text(notification.group))
    message = EmailMessage(policy=_policy())
    message["Subject"] = shortened(title(notification), _MAX_SUBJECT)
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message["Date"] = format_datetime(notification.created_at)
    message["Message-ID"] = f"<{own_id}@{domain}>"
    message["In-Reply-To"] = f"<{group_id}@{domain}>"
    message["References"] = f"<{group_id}@{domain}>"
    # No holiday answers to it, please (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    # Quoted-printable: 7 bits, and no line longer than the protocol allows.
    message.set_content(_as_text(texts, left_out), cte="quoted-printable")
    message.add_alternative(
        _as_html(texts, left_out), subtype="html", cte="quoted-printable"
    )
    message.set_boundary(f"={_digest('boundary', notification.key)}=")
    return message


def address_in(mailbox: str) -> str:
    """Return the bare address of `Display Name <NAME@HOST>`."""
    return parseaddr(mailbox)[1]


def _policy() -> EmailPolicy[EmailMessage]:
    """Return the policy of our mails: whatever its length, an id is written as it is.

    The email package writes those of these two headers as encoded words from 78 characters on, which no
    reader takes for an id: each mail would be a conversation of its own.
    """
    registry = HeaderRegistry()
    for name in ("in-reply-to", "references"):
        registry.map_to_type(name, MessageIDHeader)  # type: ignore[arg-type]  # a mixin, as it wants
    return SMTP.clone(header_factory=registry)


def _group_text(group: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in sorted(group.items()))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _as_text(alerts: Sequence[AlertText], left_out: int) -> str:
    blocks = [_alert_as_text(alert) for alert in alerts]
    if left_out:
        blocks.append(f"and {left_out} more")
    return "\n\n".join(blocks) + "\n"


def _alert_as_text(alert: AlertText) -> str:
    lines = [alert.summary, _facts(alert)]
    if alert.labels:
        lines.append(f"labels: {joined(alert.labels, ', ')}")
    if alert.description:
        lines.append(alert.description)
    for name, text in alert.notes:
        if is_code(text):
            lines.append(f"{name}:\n{text.strip()}")
        else:
            lines.append(f"{name}: {text}")
    if alert.evidence:
        lines.append("evidence:")
        lines.extend(f"  {row}" for row in alert.evidence_lines)
    lines.extend(f"{text}: {address}" for text, address in alert.links)
    return "\n".join(shortened(line, _MAX_TEXT) for line in lines)


def _as_html(alerts: Sequence[AlertText], left_out: int) -> str:
    blocks = [_alert_as_html(alert) for alert in alerts]
    if left_out:
        blocks.append(f"<p>and {left_out} more</p>")
    content = "\n<hr>\n".join(blocks)
    return f"<!DOCTYPE html>\n<html><body>\n{content}\n</body></html>\n"


def _alert_as_html(alert: AlertText) -> str:
    color = _COLORS[alert.severity] if alert.is_firing else _RESOLVED_COLOR
    lines = [
        f'<h3 style="color: {color}">{_html(alert.summary)}</h3>',
        f"<p>{_html(_facts(alert))}</p>",
    ]
    if alert.description:
        lines.append(f"<p>{_html(alert.description)}</p>")
    if alert.labels:
        lines.append(f"<p><code>{_html(joined(alert.labels, ', '))}</code></p>")
    for name, text in alert.notes:
        lines.append(f"<p>{_html(name)}</p>{_pre(text)}")
    if alert.evidence:
        rows = "\n".join(shortened(row, _MAX_TEXT) for row in alert.evidence_lines)
        lines.append(f"<p>evidence</p>{_pre(rows)}")
    if alert.links:
        links = [
            f'<a href="{escape(address)}">{_html(text)}</a>'
            for text, address in alert.links
        ]
        lines.append(f"<p>{' · '.join(links)}</p>")
    return "\n".join(lines)


def _facts(alert: AlertText) -> str:
    return f"{alert.status_line}, {alert.severity}, value {alert.value}"


def _pre(text: str) -> str:
    # One line of SQL can be longer than any screen.
    return f'<pre style="white-space: pre-wrap; overflow-wrap: anywhere">{escape(text)}</pre>'


def _html(text: str) -> str:
    return escape(shortened(text, _MAX_TEXT))
