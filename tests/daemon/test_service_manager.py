"""What systemd is notified of, by a real socket as systemd has it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.daemon import service_manager


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A socket's path has at most 107 bytes: seen from here it is short."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield Path()
    os.chdir(before)


@pytest.mark.parametrize("abstract", [False, True])
def test_each_word_comes_to_the_socket_that_systemd_names(
    abstract: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"token-monitor-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}" if abstract else name)
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else name)
        service_manager.notify("READY=1")
        service_manager.notify("STATUS=two\nlines")
        assert [systemd.recv(1000) for _ in range(2)] == [
            b"READY=1",
            b"STATUS=two lines",
        ]


@pytest.mark.parametrize("address", ["", "nobody-listens-here", "x" * 300])
def test_where_no_systemd_listens_nothing_is_said_and_nothing_breaks(
    address: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    service_manager.notify("READY=1")


@pytest.fixture
def systemd(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Return the socket that systemd listens at."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("notify")
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", "notify")
        yield listening


def heard(systemd: socket.socket) -> list[str]:
    """Return what came, oldest first."""
    said = []
    while True:
        try:
            said.append(systemd.recv(1000).decode())
        except BlockingIOError:
            return said


def test_a_sign_of_life_is_given_while_all_is_well_and_withheld_while_it_is_not(
    systemd: socket.socket,
) -> None:
    healths = iter([(True, "healthy"), (False, "it hangs"), (False, "it hangs")])
    signs = service_manager.SignsOfLife(
        {"WATCHDOG_USEC": "4", "WATCHDOG_PID": str(os.getpid())},
        lambda: next(healths, (True, "healthy")),
    )
    said = []
    for _ in range(4):
        signs.look()
        said.append(heard(systemd))
    assert said == [
        ["WATCHDOG=1"],
        ["STATUS=Not healthy: it hangs"],
        [],
        ["STATUS=", "WATCHDOG=1"],
    ]


def test_a_sign_of_life_is_given_four_times_in_the_limit_and_not_more_often(
    systemd: socket.socket,
) -> None:
    an_hour = str(3_600_000_000)
    signs = service_manager.SignsOfLife(
        {"WATCHDOG_USEC": an_hour}, lambda: (True, "healthy")
    )
    for _ in range(5):
        signs.look()
    assert heard(systemd) == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "4", "WATCHDOG_PID": "1"},
    ],
)
def test_nobody_is_given_a_sign_of_life_who_does_not_wait_for_one_of_ours(
    environ: dict[str, str], systemd: socket.socket
) -> None:
    service_manager.SignsOfLife(environ, lambda: (False, "it hangs")).look()
    assert heard(systemd) == []
