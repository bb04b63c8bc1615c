"""HTTP itself: what can be read in two ways is refused, nobody speaks HTTP/2, answers come at once."""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.web.http_protocol import MAX_REQUEST_BYTES, Http11, UnreadAnswers
from tests.web.serving import Client, serving

POST = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n"
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def said(client: Client, *parts: bytes) -> bytes:
    """Send this, and return all that is answered until the server ends the connection."""
    answer = b""
    with client.connect() as connection:
        try:
            for part in parts:
                connection.sendall(part)
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass
    return answer


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Content-Length: 3, 3\r\n\r\nabc",
        POST + b"Content-Length: +3\r\n\r\nabc",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST
        + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: identity\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        b"POST /-/reload HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET + b"X: a\r\n b\r\n\r\n",
        b"GET /-/healthy HTTP/1.1\nHost: localhost\n\n",
        GET + b"X: a\nY: b\r\n\r\n",
        GET + b"X: a\rb\r\n\r\n",
        GET + b"X: a\0b\r\n\r\n",
        GET + b": a\r\n\r\n",
        GET + b"Host: y\r\n\r\n",
        b"GET /-/healthy HTTP/1.1\r\n\r\n",
        b"GET /-/healthy HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET /-/healthy HTTP/0.9\r\nHost: localhost\r\n\r\n",
        b"BREW /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        H2_PREFACE,
        GET + b"X: " + b"a" * MAX_REQUEST_BYTES + b"\r\n\r\n",
        GET + b"".join(b"X%d: a\r\n" % number for number in range(200)) + b"\r\n",
    ],
    ids=lambda request_: repr(request_[:90])[2:-1],
)
def test_what_can_be_read_in_two_ways_or_is_too_much_is_refused(
    request_: bytes,
) -> None:
    with serving() as client:
        answer = said(client, request_)
        assert answer.startswith(b"HTTP/1.1 400 ") or answer == b"", answer[:80]
        assert answer.count(b"HTTP/1.1 ") <= 1
        assert client.served.reloads == 0
        assert client.get("/-/healthy").status == 200
        assert client.logged() == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (
            POST
            + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n",
            200,
        ),
        (POST + b"Content-Length: 3\r\nConnection: close\r\n\r\nabc", 200),
        (
            POST
            + b"Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nabc",
            200,
        ),
        (b"GET /-/healthy HTTP/1.0\r\n\r\n", 200),
        (
            b"GET http://localhost/-/healthy HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n",
            200,
        ),
        (b"\r\n" + GET + b"Connection: close\r\n\r\n", 200),
        (
            b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            200,
        ),
    ],
)
def test_what_is_plain_is_answered(request_: bytes, status: int) -> None:
    with serving() as client:
        assert said(client, request_).startswith(b"HTTP/1.1 %d " % status)


def test_a_change_to_http_2_is_not_taken_up_and_what_follows_is_not_read() -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    with serving() as client:
        answer = said(client, GET + upgrade, H2_PREFACE)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"healthy\n")


def test_requests_that_are_sent_ahead_are_answered_in_order() -> None:
    ask = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving() as client:
        few = said(client, ask * 5 + POST + b"\r\n" + b"GET /nothing HTTP/1.0\r\n\r\n")
        assert [
            line[9:12] for line in few.split(b"\n") if line.startswith(b"HTTP/")
        ] == [b"200"] * 6 + [b"404"]
        last = b"GET /-/healthy HTTP/1.0\r\n\r\n"
        assert said(client, ask * 2_000 + last).count(b"HTTP/1.1 200 ") == 2_001
        assert client.get("/-/healthy").status == 200


def test_requests_that_are_sent_ahead_without_end_are_not_kept() -> None:
    ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving() as client, client.connect() as greedy:
        greedy.settimeout(0.2)
        sent = 0
        try:
            while sent < 100_000_000:
                sent += greedy.send(ask * 1_000)  # and reads no answer
        except (TimeoutError, ConnectionError):
            pass
        # What the kernel holds, and a megabyte.
        assert sent < 50_000_000
        assert client.get("/-/healthy").status == 200


def test_what_was_asked_before_something_wrong_is_answered_alone() -> None:
    with serving() as client:
        answer = said(
            client, GET + b"\r\n" + POST + b"Content-Length: x\r\n\r\n" + GET + b"\r\n"
        )
        assert answer.count(b"HTTP/1.1 ") == answer.count(b"HTTP/1.1 200 ") == 1
        assert answer.endswith(b"healthy\n")


def test_a_client_that_says_no_more_still_gets_its_answer() -> None:
    with serving() as client, client.connect() as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"token_monitor_build_info" in answer


@pytest.fixture(scope="module")
def served() -> Iterator[Client]:
    with serving() as client:
        yield client


REQUESTS = {
    b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n": 200,
    b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nX-Long: "
    + b"y" * 3_000
    + b"\r\n\r\n": 404,
    b"GET /-/healthy HTTP/1.1\r\nHost: evil.example.com\r\n\r\n": 200,
    b"GET /metrics HTTP/1.1\r\nHost: evil.example.com\r\n\r\n": 421,
    b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 700\r\n\r\n"
    + b"GET " * 175: 405,
    POST
    + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1f4\r\n"
    + b"z" * 500
    + b"\r\n0\r\n\r\n": 200,
}
LAST = b"GET /-/ready HTTP/1.0\r\n\r\n"


@settings(max_examples=40, deadline=None)
@given(
    requests=st.lists(st.sampled_from(sorted(REQUESTS)), max_size=8),
    cuts=st.lists(st.integers(1, 4_000)),
)
def test_however_requests_are_cut_into_packets_each_has_its_answer_in_order(
    served: Client, requests: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(requests) + LAST
    parts, begin = [], 0
    for length in cuts:
        parts.append(stream[begin : begin + length])
        begin += length
    answer = said(served, *[part for part in (*parts, stream[begin:]) if part])
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
    assert statuses == [*(REQUESTS[request] for request in requests), 200]


@pytest.mark.alone
def test_answers_on_a_connection_that_is_kept_come_at_once() -> None:
    # Head and body in two packets, and the second not before the first is acknowledged: 40 ms each.
    with serving() as client:
        connection = http.client.HTTPConnection(client.host, client.port, timeout=60)
        begun = time.monotonic()
        for _ in range(100):
            connection.request("GET", "/-/healthy")
            assert connection.getresponse().read() == b"healthy\n"
        connection.close()
        assert time.monotonic() - begun < 3


def test_answers_that_nobody_reads_hold_no_more_than_a_bound() -> None:
    async def fill(unread: UnreadAnswers) -> list[bool]:
        transports, far_ends = [], []
        for _ in range(4):
            near, far = socket.socketpair()
            near.setblocking(False)
            far_ends.append(far)
            transport, _ = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol, sock=near
            )
            transport.write(b"x" * 2_000_000)
            unread.add(transport)
            transports.append(transport)
        closing = [transport.is_closing() for transport in transports]
        for transport, far in zip(transports, far_ends, strict=True):
            transport.abort()
            far.close()
        await asyncio.sleep(0)
        return closing

    # Each holds some 1.8 MB here, the rest is with the kernel: two are within the bound.
    assert asyncio.run(fill(UnreadAnswers(max_bytes=4_000_000))) == [
        True,
        True,
        False,
        False,
    ]
    assert asyncio.run(fill(UnreadAnswers(max_bytes=1))) == [True, True, True, False]


def test_the_protocol_that_is_built_upon_has_what_is_overridden() -> None:
    base = Http11.__mro__[1]
    own = [
        name
        for name, value in vars(Http11).items()
        if callable(value) and name != "__init__"
    ]
    kept = {name for name in own if not name.startswith("_")}
    assert [name for name in kept if not hasattr(base, name)] == []
