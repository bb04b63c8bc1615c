"""What each service takes and how it answers: stubs that refuse what the real one would refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from monitor.config.receivers import ReceiverTable, read_receiver
from monitor.config.toml.document import read_document
from monitor.config.toml.problems import Problems
from monitor.model.settings import Receiver
from monitor.notify.kinds import KINDS
from tests.notify.far_end import Answer, FarEnd, Request, far_end, status

TOKEN = "1234567890:AAs3cretTokenOfOurs_0123456789abcde"
KEY = "0123abcd-s3cret-4567-89ab-cdef01234567"
ROUTING_KEY = "R0123456789ABCDEF0123456789S3CRE"
TOPIC = "s3cretTopicOfOurs1"
HOOK = "s3cretHook0123/s3cretTokenOfRocket"


@dataclass(frozen=True)
class Service:
    """A service: how a receiver of it is set up, what it takes, what it says."""

    kind: str
    path: str
    """Of the address that its users have; a secret may be in it."""
    keys: str
    """Of the receiver's table, with `{url}` for where the stub is."""
    secrets: tuple[str, ...]
    require: Callable[[Request], object]
    """Fails where the service would refuse."""
    texts: Callable[[Any], list[str]]
    """What people read of a message, as it is written."""
    taken: Answer
    throttled: Callable[[int], Answer]
    """Refuses for some seconds, in the service's own way."""
    identity: Callable[[Request], str] | None = None
    """By what it knows that it has a message already; None where it does not."""
    files: Mapping[str, str] = field(default_factory=dict)
    """With `{url}`, or `{place}` without its scheme, for where the stub is."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Of a failure what this kind says in place of what the others say, by that."""

    def write(self, name: str, url: str, folder: Path) -> None:
        """Write one of the files that the receiver names."""
        text = self.files[name].replace("{url}", url)
        text = text.replace("{place}", url.partition("://")[2])
        (folder / name).write_text(f"{text}\n", encoding="utf-8")

    def table(self, url: str, folder: Path) -> str:
        """Return the receiver's keys, and write the files that they name."""
        for name in self.files:
            self.write(name, url, folder)
        return f'kind = "{self.kind}"\n{self.keys.replace("{url}", url)}'

    def receiver(self, url: str, folder: Path, more: str = "") -> Receiver:
        """Read a receiver of this service, as a configuration would say it."""
        return read(self.table(url, folder), folder, more)

    def answer(self, request: Request) -> Answer:
        """Answer as the service does: refuse what it would refuse."""
        try:
            self.require(request)
        except (AssertionError, KeyError, ValueError) as refusal:
            return status(400, body=f"refused by the stub: {refusal!r}".encode())
        return self.taken

    @contextmanager
    def stub(self, *answers: Answer, port: int = 0) -> Iterator[FarEnd]:
        """Run the service, which gives these answers first."""
        with far_end(*answers, otherwise=self.answer, port=port) as server:
            yield server


def read(keys: str, folder: Path, more: str = "") -> Receiver:
    """Read a receiver that has these keys."""
    path = folder / "receiver.toml"
    path.write_text(f"{keys}\n{more}\n", encoding="utf-8")
    problems = Problems()
    section = read_document(path, path.name, problems)
    assert section is not None
    made = read_receiver("r", ReceiverTable(section, folder, problems), KINDS)
    assert made is not None, [one.message for one in problems.in_order()]
    return made


def said(code: int, body: object, headers: str = "") -> Answer:
    """Make an answer in JSON."""
    return status(code, body=json.dumps(body).encode(), headers=headers)


def by_header(seconds: int) -> Answer:
    """Refuse for some seconds as HTTP has it."""
    return status(429, body=b"slow down", headers=f"Retry-After: {seconds}\r\n")


def units(text: str) -> int:
    """Return a length in UTF-16, in which several services count."""
    return len(text.encode("utf-16-le")) // 2


class _Tags(HTMLParser):
    """Reads HTML as a messenger does: fails at a tag that is unknown, open at the end, or closed twice."""

    def __init__(self, allowed: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(convert_charrefs=True)
        self._allowed = allowed
        self._open: list[str] = []
        self.shown = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tuple(name for name, _ in attrs) == self._allowed[tag], (tag, attrs)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.shown += data

    def read(self, text: str) -> str:
        self.feed(text)
        self.close()
        assert not self._open
        return self.shown


def read_html(text: str, **allowed: tuple[str, ...]) -> str:
    """Return what is shown of HTML that has these tags only, with exactly these attributes."""
    assert not re.search(r"&(?!amp;|lt;|gt;|quot;)", text), text
    return _Tags(allowed).read(text)


def _slack(request: Request) -> None:
    body = request.json
    assert 1 <= units(body["text"]) <= 150
    blocks = [block for one in body["attachments"] for block in one["blocks"]]
    assert 1 <= len(blocks) <= 49
    assert all(1 <= units(block["text"]["text"]) <= 3000 for block in blocks)


def _pagerduty(request: Request) -> None:
    body = request.json
    assert request.path == "/v2/enqueue"
    assert len(request.body) <= 512_000
    assert body["routing_key"] == ROUTING_KEY
    assert body["event_action"] in ("trigger", "resolve")
    assert 1 <= len(body["dedup_key"]) <= 255
    if body["event_action"] == "trigger":
        assert 1 <= len(body["payload"]["summary"]) <= 1024


def _webhook(request: Request) -> None:
    assert request.json["version"] == "4"
    assert request.headers["idempotency-key"]


def _ntfy(request: Request) -> None:
    body = request.json
    assert (request.path, request.method) == ("/", "POST")
    assert request.headers["authorization"] == "Bearer tk_s3cretAccountToken"
    assert body["topic"] == TOPIC
    assert re.fullmatch(r"[-_A-Za-z0-9]{1,64}", body["sequence_id"])
    assert 1 <= len(body["message"].encode()) <= 4096
    assert 1 <= len(body["title"]) <= 250
    assert body["priority"] in range(1, 6)
    assert all(re.fullmatch(r"[a-z_]+", tag) for tag in body["tags"])
    assert len(body["actions"]) <= 3
    for action in body["actions"]:
        assert set(action) == {"action", "label", "url"}
        assert action["action"] == "view"
    assert set(body) <= {
        *("topic", "sequence_id", "title", "message", "priority", "tags"),
        *("click", "actions"),
    }


def _telegram(request: Request) -> None:
    body = request.json
    assert request.path == f"/bot{TOKEN}/sendMessage"
    assert body["chat_id"] == "-1001234567890"
    assert body["message_thread_id"] == 7
    assert body["parse_mode"] == "HTML"
    assert body["link_preview_options"] == {"is_disabled": True}
    assert isinstance(body["disable_notification"], bool)
    shown = read_html(body["text"], b=(), pre=(), a=("href",))
    assert 1 <= units(shown) <= 4096


def _discord(request: Request) -> None:
    body = request.json
    assert parse_qs(urlsplit(request.path).query)["wait"] == ["true"]
    assert set(body) == {"content", "embeds", "allowed_mentions"}
    assert body["allowed_mentions"] == {"parse": []}
    assert 1 <= units(body["content"]) <= 2000
    assert 1 <= len(body["embeds"]) <= 10
    for embed in body["embeds"]:
        assert set(embed) == {"description", "color"}
        assert 1 <= units(embed["description"]) <= 4096
        assert embed["color"] in range(0x1000000)
    assert sum(units(embed["description"]) for embed in body["embeds"]) <= 6000


def _mattermost(request: Request) -> None:
    body = request.json
    assert set(body) == {"text", "attachments"}
    assert 1 <= len(body["text"]) <= 4000
    assert len(json.dumps(body["attachments"], ensure_ascii=False)) <= 8000
    for one in body["attachments"]:
        assert set(one) == {"fallback", "color", "text"}
        assert one["fallback"]
        assert one["text"]
        assert re.fullmatch("#[0-9a-f]{6}", one["color"])


_CARD = {
    "RichTextBlock": {"type", "inlines"},
    "Container": {"type", "style", "separator", "items"},
    "ActionSet": {"type", "actions"},
}
_STYLES = ("attention", "warning", "accent", "good")


def _teams(request: Request) -> None:
    body = request.json
    assert "sig=" in request.path
    assert len(request.body) <= 28 * 1024
    assert body["type"] == "message"
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    blocks = list(card["body"])
    while blocks:
        block = blocks.pop()
        assert set(block) == _CARD[block["type"]]
        blocks += block.get("items", ())
        for run in block.get("inlines", ()):
            assert run["type"] == "TextRun"
            assert run["text"]
        for action in block.get("actions", ()):
            assert set(action) == {"type", "title", "url"}
        assert block.get("style", "good") in _STYLES


def _google_chat(request: Request) -> None:
    body = request.json
    query = parse_qs(urlsplit(request.path).query)
    assert set(query) == {"key", "token", "requestId", "messageReplyOption"}
    assert query["messageReplyOption"] == ["REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"]
    assert len(request.body) <= 32_000
    assert set(body) == {"text", "cardsV2", "thread"}
    assert "<" not in body["text"]
    assert 1 <= len(body["thread"]["threadKey"]) <= 4000
    (card,) = body["cardsV2"]
    assert 1 <= len(card["card"]["sections"]) <= 100
    for section in card["card"]["sections"]:
        paragraph = section["widgets"][0]["textParagraph"]["text"]
        assert read_html(paragraph, b=(), font=("color",))
        for widget in section["widgets"][1:]:
            assert all(
                button["onClick"]["openLink"]["url"].startswith("http")
                for button in widget["buttonList"]["buttons"]
            )


def _alert_api(request: Request) -> None:
    body = request.json
    path = urlsplit(request.path)
    assert request.headers["authorization"] == f"GenieKey {KEY}"
    if path.path.endswith("/close"):
        assert path.query == "identifierType=alias"
        assert re.fullmatch(r"/v2/alerts/[0-9a-f]+/close", path.path)
        assert set(body) == {"source", "note"}
        return
    assert request.path == "/v2/alerts"
    assert 1 <= len(body["message"]) <= 130
    assert 1 <= len(body["alias"]) <= 512
    assert len(body["description"]) <= 15_000
    assert len(body["tags"]) <= 20
    assert all(1 <= len(tag) <= 50 for tag in body["tags"])
    assert sum(len(name) + len(text) for name, text in body["details"].items()) <= 8000
    assert len(body["entity"]) <= 512
    assert len(body["source"]) <= 100
    assert body["priority"] in ("P1", "P2", "P3", "P4", "P5")


def _rocket_chat(request: Request) -> None:
    assert request.path == f"/hooks/{HOOK}"
    assert request.headers["content-type"] == "application/json"
    assert set(request.json) == {"text"}
    assert 1 <= len(request.json["text"]) <= 1000


def _alias(request: Request) -> str:
    path = urlsplit(request.path).path
    alias = request.json.get("alias") or path.split("/")[-2]
    return f"{path.endswith('/close')} {alias}"


def _attachments(body: Any) -> list[str]:
    return [body["text"], *(one["text"] for one in body["attachments"])]


def _slack_texts(body: Any) -> list[str]:
    blocks = [block for one in body["attachments"] for block in one["blocks"]]
    return [body["text"], *(block["text"]["text"] for block in blocks)]


def _pagerduty_texts(body: Any) -> list[str]:
    return [body["payload"]["summary"], json.dumps(body["payload"])]


def _runs(body: Any) -> list[str]:
    blocks = list(body["attachments"][0]["content"]["body"])
    texts = []
    for block in blocks:
        blocks += block.get("items", ())
        texts += [run["text"] for run in block.get("inlines", ())]
    return texts


def _card_texts(body: Any) -> list[str]:
    sections = body["cardsV2"][0]["card"]["sections"]
    paragraphs = [one["widgets"][0]["textParagraph"]["text"] for one in sections]
    return [body["text"], *paragraphs]


def _webhook_texts(body: Any) -> list[str]:
    return [one["annotations"]["summary"] for one in body["alerts"]]


def _alert_service(kind: str) -> Service:
    return Service(
        kind,
        "/v2/alerts",
        'api_key_file = "key"\nurl = "{url}/v2/alerts"',
        (KEY,),
        _alert_api,
        lambda body: [body.get("message", "-"), body.get("description", "-")],
        said(202, {"result": "Request will be processed", "requestId": "1"}),
        by_header,
        _alias,
        {"key": KEY},
    )


def _chat(
    kind: str, path: str, secrets: tuple[str, ...], **more: Any
) -> tuple[str, Service]:
    files = {"address": f"{{url}}{path}"}
    keys = 'url_file = "address"'
    return kind, Service(kind, path, keys, secrets, files=files, **more)


SERVICES: Mapping[str, Service] = dict(
    [
        _chat(
            "webhook",
            "/hooks/s3cretHook1234",
            ("s3cretHook1234",),
            require=_webhook,
            texts=_webhook_texts,
            taken=status(200),
            throttled=by_header,
            identity=lambda request: request.headers["idempotency-key"],
        ),
        _chat(
            "slack",
            "/services/T0SECRET01/B0SECRET02/s3cretTokenOfSlack",
            ("s3cretTokenOfSlack",),
            require=_slack,
            texts=_slack_texts,
            taken=status(200, body=b"ok"),
            throttled=by_header,
        ),
        _chat(
            "discord",
            "/api/webhooks/123456789012345678/s3cretTokenOfDiscord0",
            ("s3cretTokenOfDiscord0",),
            require=_discord,
            texts=lambda body: [
                body["content"],
                *(embed["description"] for embed in body["embeds"]),
            ],
            taken=said(200, {"type": 0, "id": "1", "content": "x"}),
            throttled=lambda seconds: said(
                429,
                {
                    "message": "You are being rate limited.",
                    "retry_after": seconds - 0.01,
                    "global": False,
                },
            ),
        ),
        _chat(
            "mattermost",
            "/hooks/s3crethookofmattermost1234",
            ("s3crethookofmattermost1234",),
            require=_mattermost,
            texts=_attachments,
            taken=status(200, body=b"ok"),
            throttled=by_header,
        ),
        _chat(
            "teams",
            "/workflows/0123/triggers/manual/paths/invoke?api-version=1&sig=s3cretSignatureOfTeams",
            ("s3cretSignatureOfTeams",),
            require=_teams,
            texts=_runs,
            taken=status(202),
            throttled=by_header,
        ),
        _chat(
            "google_chat",
            "/v1/spaces/AAAA/messages?key=s3cretKeyOfGoogle1&token=s3cretTokenOfGoogle1",
            ("s3cretKeyOfGoogle1", "s3cretTokenOfGoogle1"),
            require=_google_chat,
            texts=_card_texts,
            taken=said(200, {"name": "spaces/AAAA/messages/1"}),
            throttled=by_header,
            identity=lambda request: parse_qs(request.path)["requestId"][0],
        ),
    ]
) | {
    "ntfy": Service(
        "ntfy",
        f"/{TOPIC}",
        'url_file = "address"\ntoken_file = "token"',
        (TOPIC, "tk_s3cretAccountToken"),
        _ntfy,
        lambda body: [body["title"], body["message"]],
        said(200, {"id": "1", "event": "message"}),
        by_header,
        lambda request: str(request.json["sequence_id"]),
        {"address": f"{{url}}/{TOPIC}", "token": "tk_s3cretAccountToken"},
    ),
    "apprise": Service(
        "apprise",
        f"/hooks/{HOOK}",
        'url_file = "address"',
        tuple(HOOK.split("/")),
        _rocket_chat,
        lambda body: [body["text"]],
        said(200, {"success": True}),
        by_header,
        files={"address": f"rocket://{HOOK}@{{place}}"},
        reasons={"network": "maybe_delivered", "timeout": "maybe_delivered"},
    ),
    "telegram": Service(
        "telegram",
        f"/bot{TOKEN}/sendMessage",
        'bot_token_file = "token"\nchat_id = -1001234567890\nthread_id = 7\nurl = "{url}"',
        (TOKEN,),
        _telegram,
        lambda body: [body["text"]],
        said(200, {"ok": True, "result": {"message_id": 1}}),
        lambda seconds: said(
            429,
            {
                "ok": False,
                "error_code": 429,
                "description": f"Too Many Requests: retry after {seconds}",
                "parameters": {"retry_after": seconds},
            },
        ),
        files={"token": TOKEN},
    ),
    "pagerduty": Service(
        "pagerduty",
        "/v2/enqueue",
        'routing_key_file = "key"\nurl = "{url}/v2/enqueue"',
        (ROUTING_KEY,),
        _pagerduty,
        _pagerduty_texts,
        said(202, {"status": "success"}),
        by_header,
        lambda request: f"{request.json['event_action']} {request.json['dedup_key']}",
        {"key": ROUTING_KEY},
    ),
    "opsgenie": _alert_service("opsgenie"),
    "jira": _alert_service("jira"),
}
"""Every kind that is one HTTP service, by its name."""
