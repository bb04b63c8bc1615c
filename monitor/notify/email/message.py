"""Make an e-mail of a notification, as text and as HTML; between notifications and SMTP; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from email.headerregistry import HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Final

from monitor.model.alerts import Notification
from monitor.model.wording import shortened
from monitor.notify.email.html import MAX_TEXT, as_html, facts_of
from monitor.notify.email.settings import EmailSettings
from monitor.notify.message_text import AlertText, alert_text, title, worst_first
from monitor.notify.plain_text import is_code, joined

# Bounds of our own: a mail that people still read, and that every server takes.
_MAX_ALERTS: Final = 50
_MAX_SUBJECT: Final = 200


def mail_of(
    notification: Notification, settings: EmailSettings, *, external_url: str
) -> EmailMessage:
    """Make the mail; the same at each attempt, so that its id shows that it came before."""
    texts = [
        alert_text(alert, notification, external_url, max_length=MAX_TEXT)
        for alert in worst_first(notification)[:_MAX_ALERTS]
    ]
    left_out = len(notification.alerts) - len(texts)
    domain = address_in(settings.sender).rpartition("@")[2]
    own_id = _digest(notification.receiver, notification.key)
    # All mails about one rule and target are one conversation.
    group_id = _digest(notification.receiver, _group_text(notification.group))
    message = EmailMessage(policy=_policy())
    subject = shortened(title(notification), _MAX_SUBJECT)
    message["Subject"] = subject
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
    html = as_html(texts, left_out, subject=subject)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
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
    lines = [alert.summary, facts_of(alert)]
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
    return "\n".join(shortened(line, MAX_TEXT) for line in lines)
