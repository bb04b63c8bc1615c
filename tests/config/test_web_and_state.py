"""The page, the state and the heartbeat, and what the environment decides."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.config.web_and_state import parse_listen
from monitor.model.process_settings import HeartbeatSettings, Web
from tests.config.folder import (
    BALANCES,
    BALANCES_SQL,
    TARGET,
    Folder,
)


def test_the_environment_overrides_the_file(folder: Folder) -> None:
    text = (
        TARGET
        + '[web]\nlisten = "127.0.0.1:1"\nconfig_file = "web.yml"\n[state]\ndirectory = "a"\n'
    )
    config = folder.load(
        text, TOKEN_MONITOR_LISTEN="0.0.0.0:9000", TOKEN_MONITOR_STATE_DIRECTORY="/data"
    )
    assert config.web == Web("0.0.0.0", 9000, folder.path / "web.yml")
    assert config.state.directory == Path("/data")


def test_a_heartbeat_with_all_it_can_have(folder: Folder) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    found = folder.load(
        TARGET
        + '[heartbeat]\nurl = "http://h/"\ninterval = "30s"\ntimeout = "2s"\nqueries = ["bal*"]\n'
    ).heartbeat
    assert found == HeartbeatSettings(
        queries=("balances",),
        url="http://h/",
        interval=timedelta(seconds=30),
        timeout=timedelta(seconds=2),
    )


def test_a_heartbeat_needs_something_critical_or_names(folder: Folder) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    assert folder.problems(TARGET + '[heartbeat]\nurl = "http://h/"\n') == [
        'config.toml:8: heartbeat: no query has a critical rule; name some in "queries"'
    ]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("a_b.example:65535", ("a_b.example", 65535)),
        ("[::1]:8917", ("::1", 8917)),
    ],
)
def test_where_to_listen_is_a_host_and_a_port(
    text: str, address: tuple[str, int]
) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "8917",
        ":8917",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:٣",
        "[::1::2::3]:1",
        "-a:1",
        "a-:1",
        "a b:1",
    ],
)
def test_where_to_listen_is_nothing_else(text: str) -> None:
    with pytest.raises(
        ValueError, match="is not an address to listen on; allowed: host:port, such as"
    ):
        parse_listen(text)


def test_a_port_to_listen_on_has_two_bytes() -> None:
    with pytest.raises(
        ValueError, match="port 65536 is out of range; allowed: 0 to 65535"
    ):
        parse_listen("127.0.0.1:65536")
