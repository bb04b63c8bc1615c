"""What the log has of the servers behind the targets."""

from __future__ import annotations

from dataclasses import replace

from monitor.alerting.contact import TargetView
from monitor.daemon.server_changes import ServerChanges
from tests.support.harness import SERVER, TARGET


def seen(number: int, hostname: str) -> TargetView:
    server = replace(SERVER, hostname=hostname)
    return TargetView(replace(TARGET, name=f"t{number}"), up=True, server=server)


def test_a_server_is_reported_once_however_many_targets_there_are() -> None:
    servers = ServerChanges()
    first = [news for number in range(150) for news in servers.news(seen(number, "db"))]
    again = [news for number in range(150) for news in servers.news(seen(number, "db"))]
    assert [event for event, _, _ in first].count("target.connected") == 150
    assert again == []


def test_two_servers_behind_one_address_are_each_reported_once() -> None:
    servers = ServerChanges()
    reported = [
        event
        for name in ("a", "b", "a", "b")
        for event, _, _ in servers.news(seen(1, name))
    ]
    assert reported.count("target.connected") == 2


def test_a_variable_that_is_not_as_we_set_it_is_reported_beside_the_limits() -> None:
    servers = ServerChanges()
    view = seen(1, "db")
    assert view.server is not None
    wrong = replace(view.server, unstated=("wait_timeout",))
    reported = {
        event: fields for event, _, fields in servers.news(replace(view, server=wrong))
    }
    assert reported["target.unprotected"] == {"lacking": ["wait_timeout"]}
    reported = {
        event: fields
        for event, _, fields in servers.news(
            replace(view, server=replace(wrong, unstated=()))
        )
    }
    assert reported["target.unprotected"] == {"lacking": []}
