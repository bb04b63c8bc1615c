"""Every kind before every fault of its service: nothing is lost, and what may come twice is known again.

With the real outbox and the real workers; each service's stub refuses what the real one would refuse.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.model.alerts import AlertState, Notification
from monitor.model.settings import Receiver
from monitor.storage import State
from tests.notify.delivering import CLOCK, delivering
from tests.notify.far_end import (
    Answer,
    Reported,
    Request,
    alert,
    hang_up,
    stall,
    status,
    until,
)
from tests.notify.services import SERVICES, Service, by_header
from tests.support.servers import free_port

PAGE = status(200, body=b"<!DOCTYPE html><html>Log in</html>")
ANSWERS_PAGES = ("webhook", "slack", "apprise")
SHORT = 'timeout = "1s"'


def garbage(connection: socket.socket, _ended: threading.Event) -> bool:
    connection.sendall(b"\x00\xff 220 ESMTP at your service\r\n\r\n")
    return False


def late(connection: socket.socket, _ended: threading.Event) -> bool:
    """Take it, and answer when nobody waits for the answer any more."""
    while connection.recv(4096):
        pass
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    return False


@dataclass(frozen=True)
class Fault:
    """Trouble that passes: the first answer, and the reason that is reported."""

    reason: str
    answer: Callable[[Service], Answer]
    more: str = ""
    seconds: float = 0.0
    """How long the service asks to be left alone."""
    is_taken: bool = False
    """Whether the service has the message all the same."""


def always(answer: Answer) -> Callable[[Service], Answer]:
    return lambda _service: answer


FAULTS: Mapping[str, Fault] = {
    "401": Fault("http_401", always(status(401))),
    "403": Fault("http_403", always(status(403))),
    "404": Fault("http_404", always(status(404))),
    "429": Fault("http_429", always(by_header(1)), seconds=1.0),
    "429 in its own way": Fault(
        "http_429", lambda service: service.throttled(1), seconds=0.99
    ),
    "500": Fault("http_500", always(status(500, body=b"\xff\x00"))),
    "503": Fault("http_503", always(status(503))),
    "a redirect": Fault(
        "redirect", always(status(302, headers="Location: http://127.0.0.1:1/\r\n"))
    ),
    "garbage": Fault("network", always(garbage)),
    "hangs up": Fault("network", always(hang_up)),
    "hangs": Fault("timeout", always(stall), SHORT),
    "takes it, answers late": Fault("timeout", always(late), SHORT, is_taken=True),
}
NEVER = {"400": 400, "413": 413, "422": 422}


@dataclass
class Told:
    """What a service has of the two notifications, and what was reported of the attempts."""

    taken: list[Request]
    requests: list[Request]
    reported: Reported

    @property
    def failures(self) -> set[str]:
        return {reason for reason in self.reported.reasons("r") if reason}

    @property
    def successes(self) -> int:
        return self.reported.reasons("r").count("")

    @property
    def ends(self) -> list[bool]:
        """Return of each message that the service has whether it says that it is over."""
        return [b"resolve" in request.body for request in self.taken]

    def require_no_secret(self, service: Service) -> None:
        """Check that no error says what may not be read."""
        for delivery in self.reported.deliveries:
            for secret in service.secrets:
                assert secret not in delivery.message


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> Service:
    return SERVICES[request.param]


@contextmanager
def told(one: Receiver, reported: Reported) -> Iterator[State]:
    """Let what fires and what is over wait in the outbox, and deliver it."""
    state = State()
    group = {"alertname": "Low", "target": "main"}
    alerts = (alert(), alert(state=AlertState.RESOLVED))
    made = [
        Notification("r", f"{number}", group, (one,), CLOCK.now())
        for number, one in enumerate(alerts)
    ]
    state.record({}, (), made)
    try:
        with delivering([one], reported, state=state, jitter=0.01):
            yield state
    finally:
        state.close()


def delivered(service: Service, folder: Path, answer: Answer, more: str = "") -> Told:
    """Deliver both notifications, the first of which is answered so at first; return what came of it."""
    reported = Reported()
    with service.stub(answer) as server:
        one = service.receiver(server.url, folder, more)
        with told(one, reported) as state:
            until(lambda: not state.outbox() and len(reported.deliveries) > 1)
        return Told(server.requests[1:], list(server.requests), reported)


@pytest.mark.parametrize("name", FAULTS)
def test_what_a_service_does_not_take_at_first_it_gets_once_and_in_order(
    service: Service, name: str, tmp_path: Path
) -> None:
    fault = FAULTS[name]
    done = delivered(service, tmp_path, fault.answer(service), fault.more)
    done.require_no_secret(service)
    assert done.failures == {service.reasons.get(fault.reason, fault.reason)}
    assert done.successes == 2
    first, second = done.requests[:2]
    assert second.at - first.at >= fault.seconds
    # A machine that is busy may let an attempt in a short time limit fail once more.
    assert done.ends[0] is False
    assert done.ends[-1] is True
    assert len(done.taken) == 2 or fault.more
    if fault.is_taken and service.identity is not None:
        assert service.identity(first) == service.identity(second)
        assert service.identity(second) != service.identity(done.taken[-1])


def test_a_service_that_refuses_connections_gets_everything_when_it_is_back(
    service: Service, tmp_path: Path
) -> None:
    reported, port = Reported(), free_port()
    one = service.receiver(f"http://127.0.0.1:{port}", tmp_path)
    with told(one, reported) as state:
        until(lambda: reported.deliveries)
        with service.stub(port=port) as server:
            until(lambda: not state.outbox())
            done = Told(server.requests, server.requests, reported)
            assert done.ends == [False, True]
    done.require_no_secret(service)
    assert done.failures == {"refused"}


@pytest.mark.parametrize("name", NEVER)
def test_what_a_service_refuses_for_good_is_given_up_and_holds_up_nothing(
    service: Service, name: str, tmp_path: Path
) -> None:
    done = delivered(service, tmp_path, status(NEVER[name], body=b"bad body"))
    assert done.reported.reasons("r") == [f"http_{name}", ""]
    assert done.ends == [True]
    first, _ = done.reported.deliveries
    assert first.recoverable is False
    assert "bad body" in first.message


@pytest.mark.parametrize("kind", sorted(set(SERVICES) - set(ANSWERS_PAGES)))
def test_a_page_in_place_of_the_answer_loses_nothing(kind: str, tmp_path: Path) -> None:
    done = delivered(SERVICES[kind], tmp_path, PAGE)
    assert done.reported.reasons("r") == ["http_200", "", ""]
    assert done.ends == [False, True]


@pytest.mark.parametrize("kind", ANSWERS_PAGES)
def test_a_page_is_an_answer_where_it_can_be_one(kind: str, tmp_path: Path) -> None:
    done = delivered(SERVICES[kind], tmp_path, PAGE)
    assert done.reported.reasons("r") == ["", ""]
    assert done.ends == [True]


def test_the_page_says_of_every_kind_whether_a_message_can_come_twice() -> None:
    page = Path(__file__).parents[2] / "docs" / "receivers.md"
    table = page.read_text("utf-8").partition("## What a kind can do\n")[2]
    table = table.partition("\n## ")[0]
    for kind, one in SERVICES.items():
        (line,) = [
            line
            for line in table.splitlines()
            if line.startswith("| ") and f"`{kind}`" in line.split("|")[1]
        ]
        assert ("**a second message**" in line) == (one.identity is None), line
