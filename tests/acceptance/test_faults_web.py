"""Attacks on the page of the running program: scrapes and health checks are answered, runs go on in time."""

from __future__ import annotations

import base64
import html
import http.client
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import two_files, webhook
from tests.acceptance.program import Daemon, Hook, running, short_directory, wait_until
from tests.acceptance.single_value import ALERT, SingleValue, a_schema
from tests.web.certificates import Authority

PASSWORD = "wonder"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
SLOW_CLIENTS = 600
"""More than twice as many as are held at once; our own descriptors may be limited to 1024."""
BOUND_SECONDS = 3.0
"""For most answers on this machine; an attack that works makes all of them wait, or for ever."""


@dataclass(frozen=True)
class Guarded:
    """The program with TLS and a password before its page."""

    daemon: Daemon
    single_value: SingleValue
    hook: Hook
    tls: ssl.SSLContext

    def connect(self) -> socket.socket:
        return socket.create_connection(self.daemon.address, timeout=30)

    def ask(
        self, path: str, password: str = PASSWORD, *, method: str = "GET"
    ) -> tuple[int, str, float]:
        """Return status, text, and the seconds that it took."""
        connection = http.client.HTTPSConnection(
            *self.daemon.address, timeout=30, context=self.tls
        )
        pair = base64.b64encode(f"ops:{password}".encode()).decode()
        began = time.monotonic()
        try:
            connection.request(method, path, headers={"Authorization": f"Basic {pair}"})
            answer = connection.getresponse()
            text = answer.read().decode()
            headers = "\n".join(
                f"{name}: {value}" for name, value in answer.getheaders()
            )
            return answer.status, f"{headers}\n\n{text}", time.monotonic() - began
        finally:
            connection.close()

    def goes_on(self) -> None:
        """Runs are made on time, and an alert comes and goes and is reported."""
        reported = len(self.alerts())
        for number, status in ((1, "firing"), (0, "resolved")):
            self.single_value.set(number)
            wait_until(
                lambda status=status: (status, ALERT) in self.alerts()[reported:],  # type: ignore[misc]
                why=status,
            )
        assert self.alerts()[reported:] == [("firing", ALERT), ("resolved", ALERT)]

    def alerts(self) -> list[tuple[str, str]]:
        """Return what was posted of the number."""
        return [one for one in self.hook.alerts() if one[1] == ALERT]


@pytest.fixture(scope="module")
def guarded(mariadb: PrivateMariaDB) -> Iterator[Guarded]:
    folder = short_directory()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        hook = Hook()
        stack.callback(hook.close)
        single_value = SingleValue(
            mariadb, stack.enter_context(a_schema(mariadb)), folder
        )
        authority = Authority(folder)
        authority.issue("server")
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()
        (folder / "web.yml").write_text(
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
            f"basic_auth_users: {{ops: '{hashed}'}}\n"
        )
        hostile_plan(single_value, folder)
        config = single_value.config(webhook(hook.url))
        text = config.read_text()
        config.write_text(text.replace("[web]", '[web]\nconfig_file = "web.yml"'))
        daemon = stack.enter_context(running(config))
        daemon.wait_for("run.finished", query="things")
        hook.wait_for("firing", "HostilePlan")
        yield Guarded(daemon, single_value, hook, authority.client_context())


def hostile_plan(single_value: SingleValue, folder: Path) -> None:
    """Add a row whose text is an attack, and an alert that shows it."""
    with (
        single_value.server.connect(single_value.schema) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE plans (plan VARCHAR(200), n INT)")
        cursor.execute("INSERT INTO plans VALUES (%s, 1)", (HOSTILE,))
    two_files(
        folder,
        "plans",
        sql="SELECT plan AS plan, n AS n FROM plans",
        toml="""summary = "plans <script>"
            interval = "1s"
            timeout = "900ms"
            [metrics.app_plans]
            help = "plans"
            labels = ["plan"]
            value = "n"
            [rules.HostilePlan]
            metric = "app_plans"
            above = 0
            severity = "info"
            summary = "{plan} is there"
            """,
    )


HALF_REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
HALF_HANDSHAKE = b"\x16\x03\x01\x02\x00\x01"


@pytest.mark.alone
@pytest.mark.parametrize(
    "said", [b"", HALF_HANDSHAKE, HALF_REQUEST], ids=["silent", "handshake", "plain"]
)
def test_hundreds_of_slow_clients_stop_no_scrape_and_no_run(
    guarded: Guarded, said: bytes
) -> None:
    before = guarded.daemon.descriptors()
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            client = stack.enter_context(guarded.connect())
            with suppress(OSError):  # one too many may have been dropped already
                client.sendall(said)
        are_in_time(scrapes(guarded))
        guarded.goes_on()
        wait_until(
            lambda: guarded.daemon.descriptors() < before + 300,
            why="it holds no more than it has to",
        )
    wait_until(
        lambda: guarded.daemon.descriptors() < before + 10,
        why="all of them are dropped",
    )


def are_in_time(seconds: list[float]) -> None:
    """Most of these answers came soon: one may have met a machine that did something else."""
    assert sorted(seconds)[-2] < BOUND_SECONDS, seconds


def scrapes(guarded: Guarded) -> list[float]:
    taken = []
    for _ in range(5):
        status, _, seconds = guarded.ask("/metrics")
        assert status == 200
        taken.append(seconds)
    return taken


def test_a_flood_of_wrong_passwords_lets_nobody_in_and_stops_no_health_check_and_no_run(
    guarded: Guarded,
) -> None:
    assert guarded.ask("/metrics")[0] == 200
    answers: list[int] = []
    is_over = threading.Event()

    def guess(number: int) -> None:
        tried = 0
        while not is_over.is_set():
            tried += 1
            answers.append(guarded.ask("/metrics", f"guess {number} {tried}")[0])

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        healthy = [guarded.ask("/-/healthy") for _ in range(5)]
        assert {status for status, _, _ in healthy} == {200}
        are_in_time([seconds for _, _, seconds in healthy])
        guarded.goes_on()
        wait_until(lambda: len(answers) >= 120, seconds=90)  # more than are remembered
        are_in_time(scrapes(guarded))
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert set(answers) == {401}
    assert guarded.ask("/metrics")[0] == 200


def test_what_stands_in_the_database_is_text_on_the_page_and_whole_in_the_series(
    guarded: Guarded,
) -> None:
    guarded.daemon.wait_for("alert.fired", alertname="HostilePlan")
    wait_until(lambda: "HostilePlan" in guarded.ask("/")[1])
    page = guarded.ask("/")[1]
    assert HOSTILE in html.unescape(page)
    scripts = re.findall("<script[^>]*>", page)
    assert [script.partition("?")[0] for script in scripts] == [
        '<script src="static/page.js'
    ]
    assert "<img" not in page
    headers = page.partition("\n\n")[0].lower()
    assert "content-security-policy: default-src 'none'" in headers
    escaped = HOSTILE.replace('"', '\\"')
    assert (
        f'app_plans{{plan="{escaped}",target="main"}} 1.0' in guarded.ask("/metrics")[1]
    )


def test_what_cannot_be_used_of_the_page_is_reported_everywhere_and_the_old_one_serves_on(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    authority = Authority(folder)
    authority.issue("server")
    (folder / "web.yml").write_text(
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
    )
    soon = '[rules.TokenMonitorConfigRejected]\nfor = "1s"\n'
    single_value = SingleValue(mariadb, schema, folder)
    config = single_value.config(soon)
    config.write_text(
        config.read_text().replace("[web]", '[web]\nconfig_file = "web.yml"')
    )
    with ExitStack() as stack:
        daemon = stack.enter_context(running(config))
        daemon.wait_for("monitor.started")
        hook = Hook()
        stack.callback(hook.close)
        page = Guarded(daemon, single_value, hook, authority.client_context())
        key = (folder / "server.key").read_bytes()
        Authority(folder, "other").issue("other")
        shutil.copy(folder / "other.key", folder / "server.key")
        refused = daemon.wait_for("config.rejected")
        assert "is not the key of the certificate" in refused["problems"][0]
        fired = daemon.wait_for("alert.fired", alertname="TokenMonitorConfigRejected")
        assert refused["problems"][0] in fired["annotations"]["description"]
        assert f"{OK} 0.0" in page.ask("/metrics")[1]
        assert "The changed configuration was refused" in page.ask("/")[1]
        status, text, _ = page.ask("/-/reload", method="POST")
        assert status == 500
        assert refused["problems"][0] in text
        # It is taken as soon as it can be, and with it the reload that was refused for it.
        (folder / "server.key").write_bytes(key)
        daemon.wait_for("alert.resolved", alertname="TokenMonitorConfigRejected")
        assert f"{OK} 1.0" in page.ask("/metrics")[1]
        assert page.ask("/-/reload", method="POST")[0] == 200


OK = "token_monitor_config_last_reload_successful"
