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
