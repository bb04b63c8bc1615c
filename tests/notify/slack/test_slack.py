from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.model.alerts import AlertState, Notification
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver, Severity, labels_of
from monitor.notify.slack.message import escaped, message_of
from monitor.notify.test_alert import send_test_alert
from monitor.timing.clock import AnchoredClock
from tests.notify.delivering import PAGE, failure_of, notification, sending
from tests.notify.far_end import START, FarEnd, alert, far_end, receiver, status

PATH = "/services/T0SECRET01/B0SECRET02/s3cretTokenOfSlack"


def chat(server: FarEnd, **options: Any) -> Receiver:
    return receiver(f"{server.url}{PATH}", name="chat", kind="slack", **options)


def failure(receiver: Receiver) -> DeliveryError:
    with sending(receiver) as slack:
        return failure_of(slack, notification("chat"))


def require_block_kit(body: Any) -> None:
    """Check what Slack's documentation of webhooks, attachments and blocks demands."""
    assert set(body) == {"text", "blocks", "attachments"}
    assert isinstance(body["text"], str)
    blocks = [
        *body["blocks"],
        *(block for one in body["attachments"] for block in one["blocks"]),
    ]
    assert 1 <= len(blocks) <= 50
    for one in body["attachments"]:
        assert set(one) == {"color", "blocks"}
        assert len(one["color"]) == 7
    for block in blocks:
        assert set(block) == {"type", "text"}
        text = block["text"]["text"]
        units = len(text.encode("utf-16-le")) // 2
        if block["type"] == "header":
            assert block["text"] == {"type": "plain_text", "text": text, "emoji": False}
            assert 1 <= units <= 150
        else:
            assert block["type"] == "section"
            assert block["text"] == {"type": "mrkdwn", "text": text, "verbatim": True}
            assert 1 <= units <= 3000
    assert len(json.dumps(body, ensure_ascii=False)) < 20_000


def sections(body: Any) -> list[str]:
    return [
        block["text"]["text"] for one in body["attachments"] for block in one["blocks"]
    ]


def test_the_whole_message() -> None:
    firing = alert(
        evidence=({"user_id": 7, "balance": None},),
        annotations=(
            ("description", "Nothing is left."),
            ("runbook_url", "https://wiki.example.com/low?a=1&b=2"),
            ("summary", "pro is low"),
        ),
        severity=Severity.CRITICAL,
    )
    info = alert("free", severity=Severity.INFO)
    resolved = alert("basic", state=AlertState.RESOLVED, peak=12.0)
    with far_end(status(200, body=b"ok")) as server, sending(chat(server)) as slack:
        slack.send(notification("chat", resolved, info, firing), START)
        (request,) = server.requests
    assert request.path == PATH
    assert request.headers["content-type"] == "application/json"
    links = [
        f"<{PAGE}/alerts/{one.fingerprint}|Alert>" for one in (firing, info, resolved)
    ]

    def section(text: str) -> dict[str, Any]:
        return {
            "type": "section",
            "text": {"type": "mrkdwn", "text": text, "verbatim": True},
        }

    require_block_kit(request.json)
    assert request.json == {
        "text": "[critical] Low main (2): pro is low",
        "blocks": [
            {
                "type": "header",
                "text": {
                    "type": "plain_text",
                    "text": "[critical] Low main (2): pro is low",
                    "emoji": False,
                },
            }
        ],
        "attachments": [
            {
                "color": "#d00000",
                "blocks": [
                    section(
                        "*pro is low*\n"
                        "firing, since 2026-11-22 13:58:00 UTC · critical · value 9\n"
                        "Nothing is left.\n"
                        "plan=pro  severity=critical  target=main\n"
                        "```user_id 7, balance NULL```\n"
                        f"{links[0]} · <https://wiki.example.com/low?a=1&amp;b=2|Runbook>"
                    )
                ],
            },
            {
                "color": "#439fe0",
                "blocks": [
                    section(
                        "*free is low*\n"
                        "firing, since 2026-11-22 13:58:00 UTC · info · value 9\n"
                        "plan=free  severity=info  target=main\n"
                        f"{links[1]}"
                    )
                ],
            },
            {
                "color": "#2eb886",
                "blocks": [
                    section(
                        "*Over after 1m: basic is low*\n"
                        "resolved after 1m · warning · value 9\n"
                        "plan=basic  severity=warning  target=main\n"
                        "peak: 12\n"
                        f"{links[2]}"
                    )
                ],
            },
        ],
    }


def test_what_is_said_again_says_since_how_long() -> None:
    since = alert(at=START - timedelta(hours=4, minutes=5), since_at_least=True)
    body = message_of(notification("chat", since, is_repeat=True), "")
    assert body["text"] == "[warning, still firing] Low main: pro is low"
    assert "still firing after at least 4h5m · warning" in sections(body)[0]
    assert "|Alert>" not in sections(body)[0]


@pytest.mark.parametrize(
    "text",
    [
        "<!channel> <!here> <@U012> <#C012> @here @Channel @everyone",
        "<https://evil.example.com|Runbook> & &lt;!channel&gt;",
        "``` *bold* `code` ```",
        "a\r\nb\x00\x1b[31m \ud800",
        "&" * 100_000,
        "💥" * 100_000,
        "x" * 1_000_000,
    ],
)
def test_hostile_texts_call_nobody_and_keep_to_the_limits(text: str) -> None:
    hostile = alert(
        annotations=(
            *(
                ("description", text),
                ("runbook_url", f"https://wiki.example.com/{text[:999]}"),
            ),
            *(("summary", text), ("zone", text)),
        ),
        evidence=({"note": text},),
    )
    sent = Notification("chat", "k", {"alertname": text}, (hostile,) * 30, START)
    body = message_of(sent, PAGE)
    require_block_kit(body)
    json.dumps(body, ensure_ascii=False).encode()
    for one in [body["text"], *sections(body)]:
        rest = one.replace(
            f"<{PAGE}/alerts/{hostile.fingerprint}|Alert>",
            "",
        ).replace("|Runbook>", "")
        rest = rest.replace("<https://wiki.example.com/", "")
        assert "<" not in rest
        assert ">" not in rest
        for call in ("@here", "@channel", "@everyone"):
            assert call not in rest.lower()
        assert one.count("```") % 2 == 0 or "```" in text
    assert sections(body)[-1] == "and 10 more"


def test_escaping_never_breaks_an_entity() -> None:
    for most in range(1, 30):
        cut = escaped("a<b>&c&&&&&&&&", most)
        assert len(cut) <= most
        assert "&" not in cut.replace("&lt;", "").replace("&gt;", "").replace(
            "&amp;", ""
        )


@pytest.mark.parametrize(
    ("code", "body", "is_recoverable"),
    [
        (400, b"invalid_payload", False),
        (403, b"invalid_token", True),
        (403, b"action_prohibited", True),
        (404, b"no_service", True),
        (410, b"channel_is_archived", True),
        (429, b"", True),
        (500, b"rollup_error", True),
    ],
)
def test_an_answer_says_whether_to_try_again(
    code: int, body: bytes, is_recoverable: bool
) -> None:
    echo = body + b" " + PATH.encode() + b" s3cretTokenOfSlack"
    with far_end(status(code, body=echo, headers="Retry-After: 30\r\n")) as server:
        error = failure(chat(server))
    assert (error.reason, error.recoverable) == (f"http_{code}", is_recoverable)
    assert error.retry_after_seconds == 30
    assert error.message == f"HTTP {code}: {body.decode()} <secret> <secret>".replace(
        ":  ", ": "
    )


def test_the_address_is_read_from_its_file_at_each_attempt(tmp_path: Path) -> None:
    file = tmp_path / "slack-url"
    hook = receiver(name="chat", kind="slack", url_file=file)
    with far_end() as server, sending(hook) as slack:
        with pytest.raises(DeliveryError) as caught:
            slack.send(notification("chat"), START)
        file.write_text(f"{server.url}{PATH}\n")
        slack.send(notification("chat"), START)
        assert [request.path for request in server.requests] == [PATH]
    assert (caught.value.reason, caught.value.recoverable) == ("url_file", True)
    assert "s3cret" not in repr(chat(server))


def test_a_receiver_can_be_tried() -> None:
    with far_end() as server:
        delivery = send_test_alert(
            chat(server, min_severity=Severity.CRITICAL), AnchoredClock(), ""
        )
        assert delivery.reason == ""
        require_block_kit(server.requests[0].json)
        assert (
            server.requests[0].json["text"]
            == "[info] TokenMonitorTest: This is a test of the receiver chat"
        )


def test_sql_to_copy_is_a_block_of_code_and_stays_as_it_is() -> None:
    sql = "ALTER TABLE users\n  ADD COLUMN tokens_remaining INT NULL AFTER role; -- `users` < 5"
    sent = replace(
        alert(),
        annotations=labels_of({"summary": "gone", "repair": sql, "team": "billing"}),
    )
    made = message_of(
        Notification("chat", "k", {"alertname": "Gone"}, (sent,), START), ""
    )
    section = made["attachments"][0]["blocks"][0]["text"]["text"]
    assert "repair:\n```" + sql.replace("<", "&lt;") + "```\n" in section
    assert "team: billing" in section
