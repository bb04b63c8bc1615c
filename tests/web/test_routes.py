"""Every path as a client sees it: methods, headers, encodings, reload, history's limit."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from prometheus_client import parser as prometheus
from prometheus_client.openmetrics import parser as openmetrics

from monitor.alerting.configured import empty_snapshot
from monitor.alerting.snapshot import with_alerts, with_declared
from monitor.model.declared import Declared
from monitor.model.errors import MonitorError
from monitor.model.label_matchers import parse_matcher
from monitor.model.process_settings import Web
from monitor.model.silences import Silence
from monitor.telemetry.log import configure
from monitor.web import WebServer
from monitor.web.routes import ENDPOINTS
from tests.web.picture import NOW, a_snapshot, an_alert, seconds, the_incident
from tests.web.serving import Client, ServedState, serving, wait_until

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving() as client:
        yield client


def test_metrics_come_as_text_or_openmetrics_as_the_client_prefers(
    client: Client,
) -> None:
    text = client.get("/metrics")
    assert (text.status, text.headers["content-type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    assert (
        'token_subscribers{plan="pro",status="ok",target="main"} 7.0'
        in text.text.splitlines()
    )
    openmetrics = client.get(
        "/metrics", accept="application/openmetrics-text; version=1.0.0"
    )
    assert (
        openmetrics.headers["content-type"]
        == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    assert openmetrics.text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("accepted", "is_zipped"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("xgzip", False),
    ],
)
def test_metrics_are_zipped_for_who_takes_it(
    client: Client, accepted: str, is_zipped: bool
) -> None:
    answer = client.get("/metrics", accept_encoding=accepted)
    assert ("content-encoding" in answer.headers) is is_zipped
    body = gzip.decompress(answer.body) if is_zipped else answer.body
    assert b"token_subscribers" in body


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=x",
        ";;,=",
        "*/*;q=abc",
        "text/plain;version=1.0.0",
        "\xff",
    ],
)
def test_an_odd_accept_header_still_gets_metrics(client: Client, accept: str) -> None:
    answer = client.get("/metrics", accept=accept)
    assert (answer.status, b"token_subscribers" in answer.body) == (200, True)


def test_head_gives_the_headers_alone(client: Client) -> None:
    for path in ("/metrics", "/", "/-/healthy"):
        answer = client.ask("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")
        assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/metrics/x", 404),
        ("GET", "/static/../server.py", 404),
        ("GET", "/static/%2e%2e/server.py", 404),
        ("GET", "//evil.example.com/metrics", 404),
        ("GET", "/%00", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/", 405),
        ("OPTIONS", "/metrics", 405),
        ("TRACE", "/api/v1/alerts", 405),
        ("GET", "/-/reload", 405),
        ("HEAD", "/-/reload", 405),
        ("PUT", "/-/reload", 405),
        ("GET", "/-/quit", 404),
        ("GET", "/favicon.ico", 404),
    ],
)
def test_what_is_not_there_is_refused_plainly(
    client: Client, method: str, path: str, status: int
) -> None:
    answer = client.ask(method, path)
    assert answer.status == status
    assert answer.body in (b"Not Found", b"Method Not Allowed", b"")
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metrics",
        "/nothing",
        "/-/healthy",
        "/api/v1/alerts",
        "/static/page.css",
        "/static/page.js",
        "/static/icon-bad.svg",
    ],
)
def test_every_answer_is_guarded(client: Client, path: str) -> None:
    headers = client.get(path).headers
    guards = (
        "content-security-policy",
        "x-content-type-options",
        "x-frame-options",
        "cache-control",
        "server",
    )
    assert {name: headers.get(name) for name in guards} == {
        "content-security-policy": CSP,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cache-control": "max-age=86400" if path.startswith("/static/") else "no-store",
        "server": None,
    }


def test_health_and_readiness_say_yes_or_why_not() -> None:
    with serving() as client:
        assert [
            (a.status, a.text) for a in map(client.get, ("/-/healthy", "/-/ready"))
        ] == [
            (200, "healthy\n"),
            (200, "ready\n"),
        ]
        client.served.healthy = (False, "the scheduler does not run")
        client.served.ready = (False, "no run has ended yet")
        assert [
            (a.status, a.text) for a in map(client.get, ("/-/healthy", "/-/ready"))
        ] == [
            (503, "the scheduler does not run\n"),
            (503, "no run has ended yet\n"),
        ]


def test_reload_answers_when_it_is_done_or_says_why_the_old_configuration_stays() -> (
    None
):
    with serving() as client:
        done = client.ask("POST", "/-/reload")
        assert (done.status, done.text, client.served.reloads) == (200, "reloaded\n", 1)
        client.served.reload_error = (
            'config.toml:3: web.lisen: unknown; did you mean "listen"?'
        )
        refused = client.ask("POST", "/-/reload")
        assert (refused.status, refused.text) == (
            500,
            f"{client.served.reload_error}\n",
        )


def test_a_page_of_another_origin_cannot_reload() -> None:
    with serving() as client:
        own = f"http://{client.host}:{client.port}"
        origins = {
            "http://evil.example.com": 403,
            "null": 403,
            own: 200,
            f"{own}0": 403,
            own.replace("http", "https"): 200,
            "": 403,
            # What is no address.
            "http://[": 403,
            "http://[::1": 403,
            "//": 403,
        }
        got = {
            origin: client.ask("POST", "/-/reload", {"origin": origin}).status
            for origin in origins
        }
        assert got == origins
        assert (
            client.ask("POST", "/-/reload", {"sec-fetch-site": "cross-site"}).status
            == 403
        )
        assert client.served.reloads == 2


def test_a_bug_in_an_answer_shows_no_trace_and_is_logged() -> None:
    with serving() as client:
        client.served.history_limits = None  # type: ignore[assignment]  # a bug
        answer = client.get("/api/v1/history")
        assert (answer.status, answer.text) == (500, "Internal Server Error")
        assert answer.headers["x-content-type-options"] == "nosniff"
        wait_until(lambda: any(line["level"] == "error" for line in client.logged()))
        errors = [line for line in client.logged() if line["level"] == "error"]
        assert [line["event"] for line in errors] == ["library.reported"]
        assert "AttributeError" in errors[0]["exception"]
        assert client.get("/metrics").status == 200


def test_a_body_is_not_waited_for_nor_kept(client: Client) -> None:
    answer = client.ask("POST", "/-/reload", body=b"x" * 100_000)
    assert answer.status in (200, 413)
    assert client.get("/metrics").status == 200


def test_the_history_is_limited(client: Client) -> None:
    statuses = {
        limit: client.get(f"/api/v1/history?limit={limit}").status
        for limit in (
            "1",
            "10000",
            "0",
            "-1",
            "x",
            "10001",
            "1e3",
            "%C2%B2",
            "99999999999999",
        )
    }
    assert statuses == {
        "1": 200,
        "10000": 200,
        "0": 400,
        "-1": 400,
        "x": 400,
        "10001": 400,
        "1e3": 400,
        "%C2%B2": 400,
        "99999999999999": 400,
    }
    client.get("/api/v1/history")
    assert client.served.history_limits == [1, 10000, 100]


def test_an_upgrade_is_not_taken_up(client: Client) -> None:
    upgrade = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    answer = client.ask("GET", "/-/healthy", upgrade)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert client.get("/metrics").status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        + b"\0" * 64,  # TLS to a server without it
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Header\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage",
        b"\r\n" * 1000,
    ],
    ids=["tls", "path", "header", "long path", "many headers", "http2", "empty lines"],
)
def test_rubbish_gets_no_trace_and_harms_nobody(client: Client, raw: bytes) -> None:
    with client.connect() as connection:
        received = b""
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                received += part
        except ConnectionError:
            pass  # cut off, as it should be
    assert b"Traceback" not in received
    assert not received.startswith(b"HTTP/1.1 200")
    assert client.get("/metrics").status == 200


def test_a_port_that_is_taken_is_said_clearly() -> None:
    with serving() as client, serving() as other:
        settings = Web(port=client.port)
        server = WebServer(settings, client.served.views(), other.log)
        with pytest.raises(MonitorError) as caught:
            server.start()
        server.close(1)
    assert str(caught.value) == (
        f'cannot listen on 127.0.0.1:{client.port}: Address already in use; change "listen" under [web]'
    )


def test_an_address_that_is_not_ours_is_said_clearly() -> None:
    with serving() as client:
        server = WebServer(
            Web(host="192.0.2.1", port=0), client.served.views(), client.log
        )
        with pytest.raises(
            MonitorError, match=r"cannot listen on 192\.0\.2\.1:0: Cannot assign"
        ):
            server.start()


def test_it_listens_on_ipv6_too() -> None:
    with serving() as client:
        server = WebServer(Web(host="::1", port=0), client.served.views(), client.log)
        try:
            host, port = server.start()
            assert host == "::1"
            with socket.create_connection((host, port), timeout=10):
                pass
        finally:
            server.close(30)


def test_after_closing_nothing_listens_and_the_port_is_free() -> None:
    with serving() as client:
        assert client.get("/metrics").status == 200
    with pytest.raises(ConnectionRefusedError):
        client.connect()
    with serving() as other:
        again = WebServer(Web(port=client.port), other.served.views(), other.log)
        try:
            assert again.start()[1] == client.port
        finally:
            again.close(30)


def test_prometheus_reads_our_metrics_and_rules_as_its_own() -> None:
    served = ServedState()
    served.snapshot = the_incident(served.config)
    with serving(served) as client:
        alerts = client.get("/api/v1/alerts").json
        rules = client.get("/api/v1/rules").json
    assert alerts["status"] == rules["status"] == "success"
    names = [alert["labels"]["alertname"] for alert in alerts["data"]["alerts"]]
    assert names == ["TokenColumnMissing", "TokenBalancesUninitialized"]
    assert [group["name"] for group in rules["data"]["groups"]] == [
        "missing_columns",
        "balances",
        "token_monitor",
    ]


def test_rules_can_be_asked_for_by_type(client: Client) -> None:
    assert len(client.get("/api/v1/rules?type=alert").json["data"]["groups"]) == 3
    assert client.get("/api/v1/rules?type=record").json["data"] == {"groups": []}
    refused = client.get("/api/v1/rules?type=x")
    assert (refused.status, refused.json) == (
        400,
        {
            "status": "error",
            "errorType": "bad_data",
            "error": 'not supported value "x" of type; allowed: alert, record',
        },
    )


def test_a_runbook_is_given_as_text_and_as_nothing_else(client: Client) -> None:
    answer = client.get("/runbooks/uninitialized-balances")
    file = (
        Path(__file__).parent.parent.parent
        / "docs"
        / "runbooks"
        / "uninitialized-balances.md"
    )
    assert (answer.status, answer.text) == (200, file.read_text(encoding="utf-8"))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


WRITING = {"POST", "DELETE"}


def is_about_silences(path: str) -> bool:
    ends = ("/acknowledgement", "/acknowledge", "/silence", "/end")
    is_about = path.startswith("/api/v2/") or path.endswith(ends)
    return is_about and not path.startswith("/api/v1/deploys")


A_SILENCE = Silence(
    "a1", (parse_matcher("plan=pro"),), NOW, NOW + timedelta(hours=1), NOW
)


def an_address(path: str) -> str:
    """Return an address that a path stands for, and at which there is something."""
    names = {"/runbooks/": "watchdog", "/queries/": "balances", "/targets/": "main"}
    for folder, name in names.items():
        if path.startswith(folder):
            return folder + name
    named = path.replace("{fingerprint}", an_alert().fingerprint).replace(
        "{tone}", "bad"
    )
    return named.replace("{id}", A_SILENCE.id)


def methods_of(path: str) -> set[str]:
    return {
        endpoint.method for endpoint in ENDPOINTS if an_address(endpoint.path) == path
    }


def test_no_method_on_any_route_is_an_error_of_ours() -> None:
    with serving() as client:
        alerts = with_alerts(client.served.snapshot, [an_alert()])
        silences = Declared(silences={A_SILENCE.id: A_SILENCE})
        client.served.snapshot = with_declared(alerts, silences)
        for endpoint in ENDPOINTS:
            path = an_address(endpoint.path)
            for method in (
                "HEAD",
                "OPTIONS",
                "POST",
                "PUT",
                "PATCH",
                "DELETE",
                "TRACE",
                "PROPFIND",
            ):
                answer = client.ask(method, path, {"content-type": "text/xml"}, b"<x/>")
                expected = 405
                if method == "HEAD" and "GET" in methods_of(path):
                    expected = 200
                elif method == "POST" and "POST" in methods_of(path):
                    # No JSON: what declares a deployment says so; a reload reads no body.
                    expected = 200 if path == "/-/reload" else 400
                if method in WRITING & methods_of(path) and is_about_silences(path):
                    # Nobody has given a password here.
                    expected = 403
                assert answer.status == expected, (method, path)
                assert b"Traceback" not in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/static/..%2f..%2fserver.py",
        *(
            "/runbooks/",
            "/runbooks/watchdog.md",
            "/runbooks/../watchdog",
            "/runbooks/..%2fhttp",
        ),
        *(
            "/runbooks/%2e%2e%2f%2e%2e%2fREADME",
            "/runbooks/watchdog%00",
            "/runbooks/none",
            "/runbooks//etc/passwd",
        ),
        "/static/%2e%2e%2f%2e%2e%2fserver.py",
        "/static/page.css%00.py",
        "/static//etc/passwd",
        "/static/page.css/",
        "/\\..\\..\\etc\\passwd",
        "/api/v1/../../metrics",
        "/api/v1/alerts;x=1",
        "/%2e%2e/metrics",
        "/metrics%0d%0aX-Injected:%20yes",
        "/METRICS",
        "/-/healthy/..",
        "/%f0%28%8c%28",
        "/?" + "x" * 60_000,
        "http://evil.example.com/metrics/x",
    ],
)
def test_tricks_with_paths_find_nothing(client: Client, path: str) -> None:
    answer = client.ask("GET", path)
    assert answer.status in (
        (200,) if path.startswith("/?") else (400, 404, 414, 421, 431)
    ), answer.status
    assert b"root:" not in answer.body
    assert b"Traceback" not in answer.body
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize(
    "limit", ["0", "-1", "1e3", "10001", "9" * 5000, "", "1;2", "%00", "٣", "1&limit=x"]
)
def test_a_bad_number_is_a_bad_request(client: Client, limit: str) -> None:
    answer = client.get(f"/api/v1/history?limit={quote(limit, safe='&=')}")
    assert (answer.status, b"Traceback" in answer.body) == (400, False)


FORMATS = ("text/plain", "application/openmetrics-text")


def test_scrapes_by_many_threads_while_snapshots_are_swapped_are_each_whole() -> None:
    scrapes = 10_000 if os.environ.get("TOKEN_MONITOR_TEST_LONG") else 500
    with serving() as client:
        config = client.served.config
        pictures = [a_snapshot(config), the_incident(config), empty_snapshot(config)]
        whole = set()
        for picture in pictures:
            client.served.snapshot = picture
            for accept in FORMATS:
                whole.add(domain_part(client.get("/metrics", accept=accept).text))
        assert len(whole) >= len(pictures)
        numbers = itertools.count()
        is_over = threading.Event()

        def swap() -> None:
            while not is_over.wait(0.0005):
                client.served.snapshot = pictures[next(numbers) % len(pictures)]

        def scrape(_: int) -> bool:
            accept = FORMATS[next(numbers) % 2]
            text = client.get("/metrics", accept=accept).text
            parser = openmetrics if text.endswith("# EOF\n") else prometheus
            list(parser.text_string_to_metric_families(text))
            return domain_part(text) in whole

        swapper = threading.Thread(target=swap)
        swapper.start()
        try:
            with ThreadPoolExecutor(4) as threads:
                assert all(threads.map(scrape, range(scrapes)))
        finally:
            is_over.set()
            swapper.join()


def domain_part(text: str) -> str:
    """Return the series of a scrape that come from the snapshot alone, without help texts."""
    kept = (
        "token_subscribers",
        "token_schema",
        "token_monitor_query_status",
        "token_monitor_up",
    )
    lines = [line for line in text.splitlines() if line.startswith(kept)]
    # The statuses that held at scrapes before are 0.
    past = re.compile(r"token_monitor_query_status\{.* 0\.0$")
    return "\n".join(line for line in lines if not past.match(line))


def test_a_scrape_between_any_two_snapshots_is_whole() -> None:
    with serving() as client:
        well, gone = (
            a_snapshot(client.served.config),
            the_incident(client.served.config),
        )
        sizes = set()
        for number in range(50):
            client.served.snapshot = (well, gone)[number % 2]
            client.served.now = NOW + seconds(number % 3)
            sizes.add(client.get("/metrics").text.count("token_subscribers{"))
        assert sizes == {0, 2}


def test_importing_the_server_starts_nothing() -> None:
    code = "import threading, monitor.web; assert threading.active_count() == 1"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_a_server_that_was_never_started_can_be_closed() -> None:
    log = configure(io.BytesIO(), libraries=False)
    WebServer(Web(), ServedState().views(), log).close(1)
