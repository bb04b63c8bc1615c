"""What each kind is sent of one incident, by the real senders; `python -m tests.notify.rendered` renews the page."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from monitor.config import load
from monitor.model.alert_text import render
from monitor.model.alerts import Alert, AlertState, Notification, Scope
from monitor.model.settings import Rule, Severity, labels_of
from monitor.notify.email.message import mail_of
from monitor.notify.email.settings import EmailSettings
from monitor.notify.kinds import KINDS
from tests.notify.delivering import sending
from tests.notify.services import SERVICES

PAGE = Path(__file__).parent.parent.parent / "docs" / "receivers.md"
EXTERNAL_URL = "https://monitor.example.com"
RULE = "TokenSubscribersBlocked"
AT = datetime(2026, 11, 28, 3, 12, 40, tzinfo=UTC)
RESULT = {
    "value": "214",
    "plan": "pro",
    "target": "main",
    "share": "0.31",
    "population": "690",
    "since": "2026-11-28 03:10:40 UTC",
}
_BLOCK = re.compile(
    r"(<!-- message: (?P<name>\w+) -->\n```\w+\n)(?P<text>.*?)(?=^```$)",
    re.MULTILINE | re.DOTALL,
)


def incident(state: AlertState = AlertState.FIRING) -> Notification:
    """Return the notification of subscribers who are blocked, with the shipped rule's texts."""
    rule = _rule()
    labels = {
        "alertname": RULE,
        "plan": "pro",
        "severity": "critical",
        "target": "main",
    }
    is_over = state is AlertState.RESOLVED
    texts = {"summary": rule.summary, "description": rule.description}
    if is_over:
        texts["summary"] = rule.resolved_summary or rule.summary
    annotations = {name: render(text, RESULT) for name, text in texts.items()}
    annotations["runbook_url"] = f"https://wiki.example.com/{rule.runbook}"
    alert = Alert(
        Scope(RULE, "main", "uninitialized"),
        labels_of(labels),
        Severity.CRITICAL,
        state,
        214.0,
        AT - timedelta(minutes=2),
        fired_at=AT,
        resolved_at=AT + timedelta(minutes=31) if is_over else None,
        annotations=labels_of(annotations),
        evidence=(
            {"user_id": 18211, "balance": -1200, "tokens_limit": 50000},
            {"user_id": 18214, "balance": None, "tokens_limit": 0},
        ),
    )
    at = alert.resolved_at or AT
    group = {"alertname": RULE, "target": "main"}
    return Notification("r", "1f0c", group, (alert,), at)


def messages() -> dict[str, str]:
    """Return what each kind is sent, by kind; of those that close what they opened also how."""
    shown = {kind: _posted(kind, incident()) for kind in SERVICES}
    over = incident(AlertState.RESOLVED)
    for kind in SERVICES:
        if KINDS[kind].settings.keeps_incidents:
            shown[f"{kind}_resolved"] = _posted(kind, over)
    return {**shown, **_mail()}


def in_page(page: str) -> dict[str, str]:
    """Return the messages that the page shows, by name."""
    return {block["name"]: block["text"] for block in _BLOCK.finditer(page)}


def renewed(page: str) -> str:
    """Return the page with the messages as they are."""
    made = messages()
    return _BLOCK.sub(lambda block: block[1] + made[block["name"]], page)


def _posted(kind: str, notification: Notification) -> str:
    service = SERVICES[kind]
    with (
        tempfile.TemporaryDirectory() as folder,
        service.stub() as server,
        sending(
            service.receiver(server.url, Path(folder)), external_url=EXTERNAL_URL
        ) as sender,
    ):
        sender.send(notification, AT)
        (request,) = server.requests
    text = json.dumps(request.json, ensure_ascii=False, indent=1) + "\n"
    path = urlsplit(request.path)
    if path.path.endswith("/close"):
        text = f"POST {request.path}\n{text}"
    for secret in service.secrets:
        text = text.replace(secret, "…")
    return text


def _mail() -> dict[str, str]:
    settings = EmailSettings(
        "mail.example.com", 587, "monitor@example.com", ("oncall@example.com",)
    )
    mail = mail_of(incident(), settings, external_url=EXTERNAL_URL)
    plain, html = (part.get_content() for part in mail.iter_parts())
    return {"email": f"Subject: {mail['Subject']}\n\n{plain}", "email_html": html}


def _rule() -> Rule:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(
            '[targets.main]\nunix_socket = "/s"\nuser = "u"\ndatabase = "d"\n'
        )
        config = load(path, {}, KINDS)
    rules = (rule for job in config.jobs for rule in job.query.rules)
    return next(rule for rule in rules if rule.name == RULE)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: renewed\n")
