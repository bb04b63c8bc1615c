"""What five services of Apprise take and how they answer: stubs that refuse what the real one would refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from apprise.plugins.pushover import NotifyPushover
from apprise.plugins.splunk import NotifySplunk

from monitor.model.settings import Receiver
from tests.notify.far_end import Answer, FarEnd, Request, far_end, status
from tests.notify.services import SERVICES, read, said

USER = "uQiRzpo4DXghDmr9QzzfQu27cmVRsG"
TOKEN = "azGDORePK8gMaC0QOYAMyEEuzJnyUi"
API_KEY = "0123abcd-s3cret-4567-89ab"
PASSWORD = "s3cretWordOfMatrix1"
ACCESS = "syt_s3cretAccessOfMatrix1"


@dataclass(frozen=True)
class AppriseStub:
    """A service of the library: its address, its secrets, what it takes, what it says."""

    name: str
    address: str
    """With `{place}` for host and port of the stub; of a fixed host without."""
    secrets: tuple[str, ...]
    require: Callable[[Request], str]
    """Returns what people read of a message; empty of what is none; fails where the service would refuse."""
    answers: Callable[[Request], Answer]
    fixed: tuple[type, str] | None = None
    """The library's class that has the address of a fixed host, and the path of it."""

    def receiver(self, server: FarEnd, folder: Path, more: str = "") -> Receiver:
        """Read a receiver of this service."""
        address = self.address.replace("{place}", server.url.partition("://")[2])
        (folder / "address").write_text(address, encoding="utf-8")
        return read('kind = "apprise"\nurl_file = "address"', folder, more)

    def is_message(self, request: Request) -> bool:
        """Return whether a request is a message, and not a login, say."""
        return bool(self.require(request))

    @contextmanager
    def stub(
        self, *answers: Answer, patch: pytest.MonkeyPatch, port: int = 0
    ) -> Iterator[FarEnd]:
        """Run the service, which answers the first messages so."""
        faults = list(answers)

        def answer(request: Request) -> Answer:
            try:
                if self.is_message(request) and faults:
                    return faults.pop(0)
            except (AssertionError, KeyError, ValueError) as refusal:
                return status(400, body=f"refused by the stub: {refusal!r}".encode())
            return self.answers(request)

        with far_end(otherwise=answer, port=port) as server:
            if self.fixed is not None:
                # Only where the service is: all else is the library's own.
                plugin, path = self.fixed
                patch.setattr(plugin, "notify_url", f"{server.url}{path}")
            yield server


def _pushover(request: Request) -> str:
    assert request.path == "/1/messages.json"
    form = {name: value[0] for name, value in parse_qs(request.body.decode()).items()}
    assert (form["user"], form["token"]) == (USER, TOKEN)
    assert len(form["title"]) <= 250
    assert 1 <= len(form["message"]) <= 1024
    return f"{form['title']}\n{form['message']}"


def _splunk(request: Request) -> str:
    body = request.json
    assert request.path.endswith(f"/alert/{API_KEY}/route")
    assert body["message_type"] in ("CRITICAL", "WARNING", "INFO", "RECOVERY")
    assert len(body["entity_id"]) == 32
    assert 1 <= len(body["state_message"]) <= 400
    return f"{body['message_type']} {body['entity_display_name']}"


def _rocket_chat(request: Request) -> str:
    SERVICES["apprise"].require(request)
    return str(request.json["text"])


def _matrix(request: Request) -> str:
    if "/send/m.room.message/" not in request.path:
        return ""
    assert request.method == "PUT"
    assert request.headers["authorization"] == f"Bearer {ACCESS}"
    assert request.json["msgtype"] in ("m.text", "m.notice")
    assert 1 <= len(request.body) <= 65_536
    return str(request.json["body"])


def _matrix_answer(request: Request) -> Answer:
    if request.path.endswith("/login"):
        body = json.loads(request.body)
        assert body["password"] == PASSWORD
        known = {"access_token": ACCESS, "user_id": "@monitor:x", "device_id": "D"}
        return said(200, {**known, "home_server": "x"})
    if "/join" in request.path:
        return said(200, {"room_id": "!alerts:x"})
    if "/send/" in request.path:
        return said(200, {"event_id": "$1"})
    return said(200, {})


def _signal(request: Request) -> str:
    body = request.json
    assert request.path == "/v2/send"
    assert body["number"] == "+14155550100"
    assert body["recipients"] == ["+14155550123"]
    return str(body["message"])


def _always(answer: Answer) -> Callable[[Request], Answer]:
    return lambda _request: answer


_ALL = (
    AppriseStub(
        "Pushover",
        f"pover://{USER}@{TOKEN}",
        (USER, TOKEN),
        _pushover,
        _always(said(200, {"status": 1, "request": "1"})),
        (NotifyPushover, "/1/messages.json"),
    ),
    AppriseStub(
        "Splunk On-Call",
        f"splunk://route@{API_KEY}/{{alert}}",
        (API_KEY,),
        _splunk,
        _always(said(200, {"result": "success"})),
        (
            NotifySplunk,
            "/integrations/generic/20131114/alert/{apikey}/{routing_key}",
        ),
    ),
    AppriseStub(
        "Rocket.Chat",
        SERVICES["apprise"].files["address"],
        SERVICES["apprise"].secrets,
        _rocket_chat,
        _always(said(200, {"success": True})),
    ),
    AppriseStub(
        "Matrix",
        f"matrix://monitor:{PASSWORD}@{{place}}/%21alerts%3Ax",
        (PASSWORD, ACCESS),
        _matrix,
        _matrix_answer,
    ),
    AppriseStub(
        "Signal",
        "signal://{place}/+14155550100/+14155550123",
        (),
        _signal,
        _always(said(201, {"timestamp": "1"})),
    ),
)
STUBS: Mapping[str, AppriseStub] = {one.name: one for one in _ALL}
