"""Make an e-mail of a notification, as text and as HTML; between notifications and SMTP; pure."""

from __future__ import annotations

import hashlib
from email.headerregistry import HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from html import escape
from typing import Final

from monitor.model.alerts import Notification
from monitor.model.settings import Mail
from monitor.model.wording import shortened
from monitor.notify.message_text import Story, is_code, joined, story, title

_MOST_ALERTS: Final = 50
_MOST_OF_A_TEXT: Final = 4000
_MOST_OF_SUBJECT: Final = 200
_COLORS: Final = {"critical": "#b00020", "warning": "#a06000", "info": "#205090"}
_RESOLVED_COLOR: Final = "#107040"


def mail_of(
    notification: Notification, mail: Mail, *, external_url: str
) -> EmailMessage:
    """Make the message; the same at each attempt, so that its id can tell that it came before."""
    domain = address_in(mail.sender).rpartition("@")[2]
    told = notification.alerts[:_MOST_ALERTS]
    stories = [
        story(alert, notification, external_url, most=_MOST_OF_A_TEXT) for alert in told
    ]
    more = len(notification.alerts) - len(stories)
    message = EmailMessage(policy=_policy())
    message["Subject"] = shortened(title(notification), _MOST_OF_SUBJECT)
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.to)
    message["Date"] = format_datetime(notification.created_at)
    message["Message-ID"] = (
        f"<{_digest(notification.receiver, notification.key)}@{domain}>"
    )
    # All mails about one rule and target are one conversation.
    group = "\n".join(
        f"{name}={value}" for name, value in sorted(notification.group.items())
    )
    conversation = f"<{_digest(notification.receiver, group)}@{domain}>"
    message["In-Reply-To"] = conversation
    message["References"] = conversation
    message["Auto-Submitted"] = "auto-generated"
    # Quoted-printable: 7 bits, and no line longer than the protocol allows.
    message.set_content(_as_text(stories, more), cte="quoted-printable")
    message.add_alternative(
        _as_html(stories, more), subtype="html", cte="quoted-printable"
    )
    boundary = _digest("boundary", notification.key)
    message.set_boundary(f"={boundary}=")
    return message


def _policy() -> EmailPolicy[EmailMessage]:
    """Return the policy of our mails: whatever its length, an id is written as it is.

    The email package writes those of these two headers as encoded words from 78 characters on, which no
    reader takes for an id: each mail would be a conversation of its own.
    """
    registry = HeaderRegistry()
    for name in ("in-reply-to", "references"):
        registry.map_to_type(name, MessageIDHeader)  # type: ignore[arg-type]  # a mixin, as it wants
    return SMTP.clone(header_factory=registry)


def address_in(mailbox: str) -> str:
    """Give the bare address of `Display Name <NAME@HOST>`."""
    return parseaddr(mailbox)[1]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _as_text(stories: list[Story], more: int) -> str:
    blocks = [_text_of(one) for one in stories]
    if more:
        blocks.append(f"and {more} more")
    return "\n\n".join(blocks) + "\n"


def _text_of(one: Story) -> str:
    lines = [one.summary, f"{one.course}, {one.severity}, value {one.value}"]
    lines += [f"labels: {joined(one.labels, ', ')}"] if one.labels else []
    lines += [one.description] if one.description else []
    lines += [_note(name, text) for name, text in one.notes]
    lines += (
        ["evidence:", *(f"  {row}" for row in one.evidence_lines)]
        if one.evidence
        else []
    )
    lines += [f"{text}: {address}" for text, address in one.links]
    return "\n".join(shortened(line, _MOST_OF_A_TEXT) for line in lines)


def _note(name: str, text: str) -> str:
    return f"{name}:\n{text.strip()}" if is_code(text) else f"{name}: {text}"


def _as_html(stories: list[Story], more: int) -> str:
    blocks = [_html_of(one) for one in stories]
    if more:
        blocks.append(f"<p>and {more} more</p>")
    return (
        "<!DOCTYPE html>\n<html><body>\n"
        + "\n<hr>\n".join(blocks)
        + "\n</body></html>\n"
    )


def _html_of(one: Story) -> str:
    color = _COLORS[one.severity] if one.is_firing else _RESOLVED_COLOR
    facts = f"{one.course}, {one.severity}, value {one.value}"
    lines = [
        f'<h3 style="color: {color}">{_html(one.summary)}</h3>',
        f"<p>{_html(facts)}</p>",
    ]
    if one.description:
        lines.append(f"<p>{_html(one.description)}</p>")
    if one.labels:
        lines.append(f"<p><code>{_html(joined(one.labels, ', '))}</code></p>")
    lines += [f"<p>{_html(name)}</p>{_pre(text)}" for name, text in one.notes]
    if one.evidence:
        rows = "\n".join(shortened(row, _MOST_OF_A_TEXT) for row in one.evidence_lines)
        lines.append(f"<p>evidence</p>{_pre(rows)}")
    links = [
        f'<a href="{escape(address)}">{_html(text)}</a>' for text, address in one.links
    ]
    return "\n".join([*lines, *([f"<p>{' · '.join(links)}</p>"] if links else [])])


def _pre(text: str) -> str:
    # One line of SQL can be longer than any screen.
    return f'<pre style="white-space: pre-wrap; overflow-wrap: anywhere">{escape(text)}</pre>'


def _html(text: str) -> str:
    return escape(shortened(text, _MOST_OF_A_TEXT))
