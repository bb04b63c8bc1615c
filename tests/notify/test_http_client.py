from __future__ import annotations

import base64
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.model.errors import DeliveryError
from monitor.notify.deadline_socket import DeadlineSocket
from monitor.notify.http_client import HttpClient
from monitor.notify.transport import Transport
from monitor.timing.deadlines import Watchdog
from tests.notify import certificates
from tests.notify.far_end import (
    START,
    Answer,
    FarEnd,
    far_end,
    flood,
    hang_up,
    stall,
    status,
    trickle,
    until,
)
from tests.support.servers import free_port


@pytest.fixture
def post(watchdog: Watchdog) -> Iterator[HttpClient]:
    made = HttpClient(Transport(watchdog), timeout=timedelta(seconds=30))
    yield made
    made.close()


@pytest.fixture
def hasty(watchdog: Watchdog) -> Iterator[HttpClient]:
    made = HttpClient(Transport(watchdog), timeout=timedelta(seconds=0.3))
    yield made
    made.close()


def failure(post: HttpClient, address: str, **headers: str) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        post.send(address, b"{}", headers, now=START)
    return caught.value


def outcome(post: HttpClient, address: str) -> tuple[str, bool]:
    error = failure(post, address)
    return error.reason, error.recoverable


def test_what_is_sent_arrives_with_its_headers(post: HttpClient) -> None:
    with far_end() as server:
        post.send(
            f"{server.url}/a/b?c=d",
            b'{"x": 1}',
            {"X-Own": "y", "USER-AGENT": "mine"},
            now=START,
        )
        (request,) = server.requests
    assert (request.path, request.json) == ("/a/b?c=d", {"x": 1})
    assert {
        name: request.headers[name] for name in ("x-own", "content-type", "user-agent")
    } == {
        "x-own": "y",
        "content-type": "application/json",
        "user-agent": "mine",
    }


def test_a_user_in_the_address_is_sent_as_basic_authentication(
    post: HttpClient,
) -> None:
    with far_end() as server:
        post.send(server.url.replace("//", "//me:p%40ss@"), b"", {}, now=START)
        (request,) = server.requests
    assert (
        request.headers["authorization"]
        == "Basic " + base64.b64encode(b"me:p@ss").decode()
    )


def test_one_connection_serves_many_requests(post: HttpClient) -> None:
    with far_end(
        status(200, body=b"thanks"), status(204), status(500, body=b"no")
    ) as server:
        for _ in range(2):
            post.send(server.url, b"", {}, now=START)
        assert outcome(post, server.url) == ("http_500", True)
        post.send(server.url, b"", {}, now=START)
        assert [request.connection for request in server.requests] == [1, 1, 1, 1]


def test_a_kept_connection_that_was_closed_is_opened_again(post: HttpClient) -> None:
    with far_end() as server:
        post.send(server.url, b"", {}, now=START)
        server.hang_up_all()
        post.send(server.url, b"", {}, now=START)
        assert [request.connection for request in server.requests] == [1, 2]


def test_what_a_server_says_unasked_is_not_taken_for_the_next_answer(
    post: HttpClient,
) -> None:
    with far_end() as server:
        post.send(server.url, b"", {}, now=START)
        server.say(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        post.send(server.url, b"", {}, now=START)
        assert [request.connection for request in server.requests] == [1, 2]


def test_a_kept_connection_that_closes_under_a_request_is_tried_once_more(
    post: HttpClient,
) -> None:
    with far_end(status(200), hang_up) as server:
        post.send(server.url, b"", {}, now=START)
        post.send(server.url, b"", {}, now=START)
        assert [request.connection for request in server.requests] == [1, 1, 2]


def test_a_new_connection_that_closes_under_a_request_is_a_failure(
    post: HttpClient,
) -> None:
    with far_end(hang_up) as server:
        assert outcome(post, server.url) == ("network", True)
        assert len(server.requests) == 1


def test_another_address_gets_another_connection(post: HttpClient) -> None:
    with far_end() as one, far_end() as two:
        post.send(one.url, b"", {}, now=START)
        post.send(two.url, b"", {}, now=START)
        assert (one.connections, two.connections) == (1, 1)


@pytest.mark.parametrize(
    ("code", "reason", "is_recoverable"),
    [
        (301, "redirect", True),
        (302, "redirect", True),
        (304, "redirect", True),
        (307, "redirect", True),
        (308, "redirect", True),
        (400, "http_400", False),
        (401, "http_401", True),
        (403, "http_403", True),
        (404, "http_404", True),
        (405, "http_405", False),
        (407, "http_407", True),
        (408, "http_408", True),
        (410, "http_410", False),
        (413, "http_413", False),
        (422, "http_422", False),
        (425, "http_425", True),
        (429, "http_429", True),
        (451, "http_451", False),
        (500, "http_500", True),
        (503, "http_503", True),
        (599, "http_599", True),
    ],
)
def test_the_status_says_whether_to_try_again(
    post: HttpClient, code: int, reason: str, is_recoverable: bool
) -> None:
    with (
        far_end() as elsewhere,
        far_end(status(code, headers=f"Location: {elsewhere.url}\r\n")) as server,
    ):
        assert outcome(post, server.url) == (reason, is_recoverable)
        assert elsewhere.requests == []


def test_retry_after_is_handed_on(post: HttpClient) -> None:
    with far_end(
        status(429, headers="Retry-After: 7\r\n"),
        status(503, headers="Retry-After: Sun, 22 Nov 2026 14:00:30 GMT\r\n"),
        status(503),
    ) as server:
        assert [failure(post, server.url).retry_after_seconds for _ in range(3)] == [
            7.0,
            30.0,
            None,
        ]


def test_a_closed_port_is_refused(post: HttpClient) -> None:
    port = free_port()
    error = failure(post, f"http://127.0.0.1:{port}/hook")
    assert (error.reason, error.recoverable, str(error)) == (
        "refused",
        True,
        f"127.0.0.1:{port}: connection refused",
    )


def test_a_name_that_does_not_resolve_is_dns(post: HttpClient) -> None:
    assert (
        str(failure(post, "http://nowhere.invalid/hook"))
        == "nowhere.invalid: the name cannot be resolved"
    )


@pytest.mark.parametrize(
    "address",
    ["", "127.0.0.1", "ftp://127.0.0.1/", "http://", "http://[::1/", "http://a:b/"],
)
def test_an_address_that_is_none_is_said_without_repeating_it(
    post: HttpClient, address: str
) -> None:
    assert str(failure(post, address)) == "the address is no http or https address"


HEAD = b"HTTP/1.1 %d Word\r\nContent-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(stall, id="no answer"),
        pytest.param(
            trickle(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), id="headers in drops"
        ),
        pytest.param(
            trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="continue for ever"
        ),
    ],
)
def test_no_answer_in_time_is_a_timeout(hasty: HttpClient, answer: Answer) -> None:
    with far_end(answer) as server:
        began = time.monotonic()
        assert outcome(hasty, server.url) == ("timeout", True)
        assert 0.25 < time.monotonic() - began < 20


def test_a_body_in_drops_delays_little_and_the_status_decides(post: HttpClient) -> None:
    began = time.monotonic()
    with far_end(trickle(HEAD % 200, b"x"), trickle(HEAD % 500, b"x")) as server:
        post.send(server.url, b"", {}, now=START)
        assert outcome(post, server.url) == ("http_500", True)
        post.send(server.url, b"", {}, now=START)
        assert [request.connection for request in server.requests] == [1, 2, 3]
    assert time.monotonic() - began < 9, "the time limit of each is thirty seconds"


def test_a_body_of_2_gb_is_not_read(post: HttpClient) -> None:
    began = time.monotonic()
    with far_end(flood) as server:
        post.send(server.url, b"", {}, now=START)
        post.send(server.url, b"", {}, now=START)
        assert [request.connection for request in server.requests] == [1, 2]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\x00" * 100 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X" * 99999,
    ],
)
def test_nonsense_is_a_network_failure(post: HttpClient, nonsense: bytes) -> None:
    def answer(connection: socket.socket, ended: threading.Event) -> bool:
        connection.sendall(nonsense)
        return False

    with far_end(answer) as server:
        assert outcome(post, server.url) == ("network", True)


def test_an_error_tells_of_the_answer_and_not_of_the_secrets_that_it_echoes(
    post: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    echo = (
        b"no service at /services/T0SECRET-1/abc%2Fsecret2?key=s3cretkey, nor s3cretkey\n"
        b" for hdr-secret3 me:passw0rd99"
    )
    malformed = "this is no header\r\n"
    with (
        far_end(
            status(404, body=echo),
            status(503, body=echo, headers=malformed),
            hang_up,
            hang_up,
        ) as server,
        caplog.at_level(logging.DEBUG),
    ):
        address = f"{server.url}/services/T0SECRET-1/abc%2Fsecret2?key=s3cretkey"
        address = address.replace("//", "//me:passw0rd99@", 1)
        errors = [
            failure(post, address, Authorization="Bearer hdr-secret3") for _ in range(3)
        ]
    notified = " ".join([*map(str, errors), *map(repr, errors), caplog.text])
    for secret in ("T0SECRET-1", "secret2", "s3cretkey", "hdr-secret3", "passw0rd99"):
        assert secret not in notified
    assert "HTTP 404: no service at <secret>, nor <secret> for <secret>" in str(
        errors[0]
    )


def test_aborting_ends_what_is_under_way_at_once(watchdog: Watchdog) -> None:
    post = HttpClient(Transport(watchdog), timeout=timedelta(seconds=30))
    with far_end(stall) as server:
        errors: list[DeliveryError] = []
        thread = threading.Thread(
            target=lambda: errors.append(failure(post, server.url))
        )
        thread.start()
        until(lambda: server.requests)
        began = time.monotonic()
        post.abort()
        thread.join()
        assert time.monotonic() - began < 20
        assert [str(error) for error in errors] == [
            f"127.0.0.1:{server.port}: stopped before the answer"
        ]
        assert outcome(post, server.url) == ("network", True)
        assert len(server.requests) == 1
    post.close()


def serve_tls(directory: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    certificate, key = certificates.write(directory, name)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))


def sent_over_tls(
    server: FarEnd, trust: ssl.SSLContext | None, seconds: float = 30
) -> None:
    with Watchdog() as watchdog:
        post = HttpClient(
            Transport(watchdog, tls=trust), timeout=timedelta(seconds=seconds)
        )
        try:
            for _ in range(2):
                post.send(server.url, b"", {}, now=START)
        finally:
            post.close()


def test_a_trusted_certificate_is_accepted_and_its_connection_kept(
    tmp_path: Path,
) -> None:
    own, trust = serve_tls(tmp_path, "127.0.0.1")
    with far_end(tls=own) as server:
        sent_over_tls(server, trust)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("name", "is_trusted"), [("127.0.0.1", False), ("127.0.0.2", True)]
)
def test_a_certificate_of_an_unknown_authority_or_another_host_is_refused(
    tmp_path: Path, name: str, is_trusted: bool
) -> None:
    own, trust = serve_tls(tmp_path, name)
    with far_end(tls=own) as server, pytest.raises(DeliveryError) as caught:
        sent_over_tls(server, trust if is_trusted else None)
    assert (caught.value.reason, caught.value.recoverable) == ("tls", True)
    assert server.requests == []


def test_tls_with_a_server_that_speaks_none_is_a_failure_of_tls(
    post: HttpClient,
) -> None:
    with far_end(greeting=b"220 mail.example.com\r\n") as server:
        assert outcome(post, server.url.replace("http:", "https:")) == ("tls", True)


def test_a_silent_tls_handshake_ends_in_time(watchdog: Watchdog) -> None:
    with far_end(is_silent=True) as server:
        post = HttpClient(Transport(watchdog), timeout=timedelta(seconds=0.3))
        began = time.monotonic()
        assert outcome(post, server.url.replace("http:", "https:")) == ("timeout", True)
        assert time.monotonic() - began < 20
        post.close()


def test_a_connection_that_hangs_ends_in_time(watchdog: Watchdog) -> None:
    with full_backlog() as port:
        post = HttpClient(Transport(watchdog), timeout=timedelta(seconds=0.5))
        began = time.monotonic()
        assert outcome(post, f"http://localhost:{port}/") in {
            ("timeout", True),
            ("refused", True),
        }
        assert time.monotonic() - began < 20
        post.close()


@contextmanager
def full_backlog() -> Iterator[int]:
    """Listen where connecting hangs: the kernel drops what it has no room for."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_an_address_of_a_host_that_hangs_leaves_time_for_the_next(
    watchdog: Watchdog,
) -> None:
    guard = DeadlineSocket(watchdog)
    with ExitStack() as stack:
        stack.callback(guard.release)
        hanging = stack.enter_context(full_backlog())
        server = stack.enter_context(far_end())
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))
            for port in (free_port(), hanging, server.port)
        ]
        began = time.monotonic()
        # However late it begins, there is time left for the last; the guard cuts what takes longer.
        with guard.within(7):
            with guard.connect_to(addresses) as sock:
                assert sock.getpeername() == ("127.0.0.1", server.port)
            assert 1.4 < time.monotonic() - began < 7
        began = time.monotonic()
        with guard.within(0.2), pytest.raises(OSError):
            guard.connect_to(addresses[:2])
        assert time.monotonic() - began < 20


def test_an_attempt_can_be_given_less_time_than_all_and_what_follows_has_all_again(
    watchdog: Watchdog,
) -> None:
    limited = 3.0

    def late(connection: socket.socket, ended: threading.Event) -> bool:
        ended.wait(limited + 0.3)
        return status(200)(connection, ended)

    answers = {"/never": stall, "/now": status(200), "/late": late}
    with ExitStack() as stack:
        server = stack.enter_context(
            far_end(otherwise=lambda request: answers[request.path])
        )
        post = HttpClient(Transport(watchdog), timeout=timedelta(minutes=5))
        stack.callback(post.close)
        began = time.monotonic()
        with pytest.raises(DeliveryError) as caught:
            post.send(f"{server.url}/never", b"", {}, now=START, seconds=0.2)
        assert caught.value.reason == "timeout"
        assert time.monotonic() - began < 60
        assert (
            post.send(f"{server.url}/now", b"", {}, now=START, seconds=limited) == 200
        )
        assert post.send(f"{server.url}/late", b"", {}, now=START) == 200
        connections = {request.path: request.connection for request in server.requests}
    assert connections["/now"] == connections["/late"] != connections.get("/never")


def test_secrets_of_the_body_are_not_repeated(post: HttpClient) -> None:
    echo = status(400, body=b"no key R0UT-ing%2F in R0UT-ing/")
    with far_end(echo) as server, pytest.raises(DeliveryError) as caught:
        post.send(server.url, b"", {}, now=START, secrets=("R0UT-ing/",))
    assert caught.value.message == "HTTP 400: no key <secret> in <secret>"


INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nX-At: it\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nLink: </x>\r\n\r\n",
    b"HTTP/1.1 199 Whatever\r\n\r\n",
)


def said_first(*interim: bytes, then: Answer) -> Answer:
    def answer(connection: socket.socket, ended: threading.Event) -> bool:
        connection.sendall(b"".join(interim))
        return then(connection, ended)

    return answer


@pytest.mark.parametrize(
    "interim", [(one,) for one in INTERIM] + [INTERIM, INTERIM * 20]
)
def test_what_a_server_says_before_its_answer_is_not_the_answer(
    post: HttpClient, interim: tuple[bytes, ...]
) -> None:
    taken = said_first(*interim, then=status(200))
    refused = said_first(*interim, then=status(503, body=b"later"))
    with far_end(taken, refused, taken) as server:
        assert post.send(server.url, b"{}", {}, now=START) == 200
        assert failure(post, server.url).message == "HTTP 503: later"
        assert post.send(server.url, b"{}", {}, now=START) == 200
        assert [request.connection for request in server.requests] == [1, 1, 1]


def test_a_switch_to_another_protocol_is_refused_and_its_connection_left(
    post: HttpClient,
) -> None:
    switch = said_first(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        then=stall,
    )
    with far_end(switch, status(200)) as server:
        assert outcome(post, server.url) == ("http_101", True)
        assert post.send(server.url, b"{}", {}, now=START) == 200
        assert [request.connection for request in server.requests] == [1, 2]


def test_a_server_that_never_comes_to_its_answer_is_left(post: HttpClient) -> None:
    with far_end(said_first(*INTERIM * 30, then=stall)) as server:
        assert outcome(post, server.url) == ("network", True)


def test_a_server_that_hints_for_ever_is_cut_at_the_time_limit(
    hasty: HttpClient,
) -> None:
    with far_end(trickle(INTERIM[2], b"HTTP/1.1 103 E")) as server:
        assert outcome(hasty, server.url) == ("timeout", True)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("ü:pä", "ü:pä".encode()),
        ("u:zażółć", "u:zażółć".encode()),
        ("u:%C3%A4", "u:ä".encode()),
        ("u:p%E4", b"u:p\xe4"),  # the bytes are said: they are sent
        ("u%20v:%E2%82%AC", "u v:€".encode()),
    ],
)
def test_user_and_password_of_an_address_are_sent_as_utf_8(
    post: HttpClient, written: str, sent: bytes
) -> None:
    with far_end() as server:
        post.send(server.url.replace("//", f"//{written}@"), b"", {}, now=START)
        (request,) = server.requests
    assert (
        request.headers["authorization"] == "Basic " + base64.b64encode(sent).decode()
    )


def test_a_header_of_any_text_is_sent_as_utf_8(post: HttpClient) -> None:
    with far_end() as server:
        post.send(server.url, b"", {"X-Team": "Zażółć €"}, now=START)
        (request,) = server.requests
    assert request.headers["x-team"] == "Zażółć €"
