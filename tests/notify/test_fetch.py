"""A list of targets over HTTP: whole, in time, within bounds, and nothing secret in what is said of it."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.model.discovery import HttpSdSettings
from monitor.model.errors import DeliveryError
from monitor.notify import fetch
from monitor.notify.transport import Transport
from monitor.timing.deadlines import Watchdog
from tests.notify.far_end import (
    START,
    Answer,
    far_end,
    flood,
    hang_up,
    stall,
    status,
    trickle,
)

SECONDS = 0.5


def fetched(url: str, header_files: tuple[tuple[str, Path], ...] = ()) -> bytes:
    settings = HttpSdSettings(
        url=url, header_files=header_files, timeout=timedelta(seconds=SECONDS)
    )
    with Watchdog() as watchdog:
        return fetch.TargetListClient(Transport(watchdog)).fetch(settings, START)


def test_the_whole_answer_comes_and_it_is_asked_as_prometheus_asks(
    tmp_path: Path,
) -> None:
    body = b"x" * 3_000_000
    token = tmp_path / "token"
    token.write_text("Bearer abcdefgh\n")
    with far_end(status(200, body=body)) as end:
        assert fetched(f"{end.url}/a?b=c", (("Authorization", token),)) == body
        (request,) = end.requests
    assert (request.method, request.path) == ("GET", "/a?b=c")
    assert request.headers["authorization"] == "Bearer abcdefgh"
    assert request.headers["x-prometheus-refresh-interval-seconds"] == "60"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(500), "http_500"),
        (status(301, headers="Location: /b\r\n"), "redirect"),
        (hang_up, "network"),
        (stall, "timeout"),
        (trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"x"), "timeout"),
        (trickle(b"HTTP/1.1 200 OK\r\nX: ", b"x"), "timeout"),
    ],
)
def test_what_is_no_whole_answer_in_time_is_none(answer: Answer, reason: str) -> None:
    began = time.monotonic()
    with far_end(answer, answer) as end, pytest.raises(DeliveryError) as caught:
        fetched(end.url)
    assert caught.value.reason == reason
    assert time.monotonic() - began < 20 * SECONDS


def test_an_answer_without_an_end_is_cut_or_refused() -> None:
    with far_end(flood) as end, pytest.raises(DeliveryError) as caught:
        fetched(end.url)
    assert caught.value.reason in ("too_long", "timeout")


def test_what_a_far_end_repeats_of_secrets_is_not_said(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken-of-ours")
    body = b"no list for k3y-of-ours and t0ken-of-ours"
    with (
        far_end(status(403, body=body)) as end,
        pytest.raises(DeliveryError) as caught,
    ):
        fetched(f"{end.url}/?key=k3y-of-ours", (("X-Inventory", token),))
    assert "no list for" in caught.value.message
    assert "of-ours" not in caught.value.message
