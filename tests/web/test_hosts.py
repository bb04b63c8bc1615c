"""By which names the page may be asked: DNS rebinding gets nothing, scrapes come by any safe name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.daemon.reloader import needing_restart
from monitor.model.process_settings import Web
from monitor.web import WebServer
from monitor.web.hosts import host_of
from tests.web.picture import a_config
from tests.web.serving import Client, ServedState, serving


@contextmanager
def listening(
    on: str = "127.0.0.1", hosts: tuple[str, ...] = (), external: str = ""
) -> Iterator[Client]:
    config = replace(a_config(), web=Web(hosts=hosts), external_url=external)
    with serving(ServedState(config)) as client:
        server = WebServer(Web(host=on, port=0), client.served.views(), client.log)
        _, port = server.start()
        try:
            yield replace(client, port=port)
        finally:
            server.close(30)


def asked(
    client: Client, host: str, path: str = "/metrics", method: str = "GET"
) -> int:
    return client.ask(method, path, {"Host": host}).status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(
            (host, 200)
            for host in (
                "localhost",
                "LOCALHOST:8917",
                "127.0.0.1",
                "127.8.8.8:1",
                "[::1]:8917",
            )
        ),
        *(
            (host, 200)
            for host in (
                "localhost.",
                "app.localhost",
                "monitor.example.com",
                "Mon.Lan:80",
            )
        ),
        *(
            (host, 421)
            for host in (
                "evil.example.com",
                "evil.example.com:8917",
                "192.0.2.1",
                "example.com",
            )
        ),
        *(
            (host, 421)
            for host in (
                "localhost.evil.com",
                "127.0.0.1.evil.com",
                "evil.com#localhost",
                "",
            )
        ),
        *(
            (host, 421)
            for host in ("localhost:80:80", "[::1", "user@localhost", "127.1")
        ),
    ],
)
def test_on_the_loopback_only_our_own_names_are_answered(
    host: str, status: int
) -> None:
    with listening(
        hosts=("mon.lan",), external="https://monitor.example.com/here"
    ) as client:
        assert asked(client, host) == status
        assert asked(client, host, "/api/v1/alerts") == status
        assert asked(client, host, "/-/reload", "POST") == status
        assert client.served.reloads == (status == 200)
        assert (asked(client, host, "/-/healthy"), asked(client, host, "/-/ready")) == (
            200,
            200,
        )


@pytest.mark.parametrize(
    ("on", "hosts", "answered"),
    [
        ("127.0.0.1", (), ["localhost"]),
        ("localhost", (), ["localhost"]),
        ("127.0.0.1", ("*",), ["evil.example.com", "localhost", "scrape.lan"]),
        ("0.0.0.0", (), ["evil.example.com", "localhost", "scrape.lan"]),
        ("0.0.0.0", ("scrape.lan",), ["localhost", "scrape.lan"]),
    ],
)
def test_beyond_the_loopback_any_name_is_good_unless_hosts_says_otherwise(
    on: str, hosts: tuple[str, ...], answered: list[str]
) -> None:
    with listening(on, hosts) as client:
        names = ("evil.example.com", "localhost", "scrape.lan")
        assert [name for name in names if asked(client, name) == 200] == answered


@pytest.mark.parametrize("hosts", [(), ("scrape.lan",)])
def test_a_name_that_leads_to_the_loopback_is_the_loopback_and_a_name_of_ours(
    hosts: tuple[str, ...],
) -> None:
    # libc takes this for 127.0.0.1 on any machine, as it takes a name of /etc/hosts.
    with listening("127.1", hosts) as client:
        names = ("127.1", "evil.example.com", "localhost", "vm.lan")
        got = [name for name in names if asked(client, name) == 200]
        assert got == ["127.1", "localhost"]


def test_the_refusal_says_what_to_write_and_a_reload_takes_it() -> None:
    with listening() as client:
        refused = client.get("/", Host="scrape.lan:8917")
        assert refused.status == 421
        assert refused.headers["content-type"].startswith("text/plain")
        assert '[web] hosts = ["scrape.lan"]' in refused.text
        assert (
            client.get("/", Host="<script>").text
            == "misdirected: the Host header names no host\n"
        )
        before = client.served.config
        client.served.config = replace(
            before, web=replace(before.web, hosts=("scrape.lan",))
        )
        assert client.get("/", Host="scrape.lan:8917").status == 200
        assert needing_restart(before, client.served.config) == []


def test_a_password_is_not_even_asked_for_by_a_foreign_name() -> None:
    with listening() as client:
        assert (
            "www-authenticate" not in client.get("/", Host="evil.example.com").headers
        )


@given(st.text(max_size=40))
def test_whatever_is_named_is_a_plain_host_or_none(named: str) -> None:
    host = host_of(named)
    assert host is None or host == host.lower()
    assert host is None or not set(host) & set(" /\\@#?<>\"'")
