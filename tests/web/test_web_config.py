"""The web-config file: what is refused, who gets in, and what happens when it changes."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.model.errors import ConfigError
from monitor.model.process_settings import Web
from monitor.web import WebServer
from monitor.web.connections import HANDSHAKE_SECONDS
from monitor.web.web_config import WebConfig, load_web_config
from tests.support.hanging import hanging
from tests.support.resource_limits import no_thread_to_be_had
from tests.web.certificates import Authority
from tests.web.serving import Client, serving, wait_until
from tests.web.web_config_files import (
    basic,
    file_with,
    hashed,
    status_as,
    tls_text,
    users_text,
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_an_empty_file_asks_for_nothing(tmp_path: Path) -> None:
    assert load_web_config(file_with(tmp_path, "")) == WebConfig()


HASH = "$2b$10$" + "a" * 53


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "a: [",
            [
                "web.yml:1: no valid YAML: expected the node content, but found '<stream end>'"
            ],
        ),
        ("just text", ["web.yml: must be a mapping"]),
        (
            "rate_limit: {}\nbasic_auth_users: [a]",
            [
                "web.yml: rate_limit: unknown; allowed: tls_server_config, http_server_config, "
                "basic_auth_users",
                "web.yml: basic_auth_users: must be a mapping",
            ],
        ),
        (
            "basic_auth_users: {alice: hunter2, bob: 5, carol: '$2y$99$"
            + "a" * 53
            + "'}",
            [
                "web.yml: basic_auth_users.alice: must be a bcrypt hash",
                "web.yml: basic_auth_users.bob: must be a bcrypt hash",
                "web.yml: basic_auth_users.carol: must be a bcrypt hash",
            ],
        ),
        (
            f"basic_auth_users: {{007: '{HASH}', on: '{HASH}', '008': '{HASH}'}}",
            [
                "web.yml: basic_auth_users.7: is not text as YAML reads it; put the name in quotes",
                "web.yml: basic_auth_users.True: is not text as YAML reads it; put the name in quotes",
            ],
        ),
        (
            "tls_server_config: {cert_file: no.pem, cipher_suites: X, curve_preferences: [],"
            " min_version: TLS10}",
            [
                "web.yml: tls_server_config.curve_preferences: not supported; allowed: cert_file, key_file, "
                "client_ca_file, client_auth_type, min_version, max_version, cipher_suites",
                "web.yml: tls_server_config.cert_file: no such file: no.pem",
                "web.yml: tls_server_config.key_file: must be the path of a file",
                "web.yml: tls_server_config.min_version: 'TLS10' is not supported; allowed: TLS12, TLS13",
                "web.yml: tls_server_config.cipher_suites: must be a list of cipher suites",
            ],
        ),
        (
            "http_server_config: {headers: {X-A: \"b\\n\", 'X B': c, X-C: 5}, http2: false}",
            [
                "web.yml: http_server_config.headers.X-A: must be a header, as text",
                "web.yml: http_server_config.headers.X B: must be a header, as text",
                "web.yml: http_server_config.headers.X-C: must be a header, as text",
            ],
        ),
        (
            "http_server_config: {headers: [x]}",
            ["web.yml: http_server_config.headers: must be a mapping"],
        ),
        (
            "!!python/object/apply:os.system ['true']",
            [
                "web.yml:1: no valid YAML: could not determine a constructor for the tag "
                "'tag:yaml.org,2002:python/object/apply:os.system'"
            ],
        ),
    ],
    ids=[
        "yaml",
        "text",
        "unknown",
        "passwords",
        "names",
        "tls",
        "headers",
        "header list",
        "python",
    ],
)
def test_a_bad_file_is_refused_with_all_its_problems(
    tmp_path: Path, text: str, problems: list[str]
) -> None:
    path = file_with(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_web_config(path)
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == problems


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            {"client_auth_type": "RequireAndVerifyClientCert"},
            'client_auth_type: needs "client_ca_file"',
        ),
        (
            {"client_ca_file": "ca.pem"},
            'client_ca_file: needs a "client_auth_type" that verifies',
        ),
        (
            {"client_auth_type": "RequireAnyClientCert", "client_ca_file": "ca.pem"},
            "client_auth_type: 'RequireAnyClientCert' is not supported; allowed: NoClientCert, "
            "VerifyClientCertIfGiven, RequireAndVerifyClientCert",
        ),
        ({"key_file": "ca.pem"}, "cannot be used: "),
        (
            {"cipher_suites": "[TLS_RSA_WITH_RC4_128_SHA]"},
            "'TLS_RSA_WITH_RC4_128_SHA' is not supported; ",
        ),
        (
            {"min_version": "TLS13", "max_version": "TLS12"},
            'max_version: is below "min_version"',
        ),
    ],
)
def test_tls_that_would_not_protect_is_refused(
    tmp_path: Path, authority: Authority, more: dict[str, str], problem: str
) -> None:
    authority.issue("server")
    path = file_with(tmp_path, tls_text(**more))
    with pytest.raises(ConfigError) as caught:
        load_web_config(path)
    assert problem in str(caught.value)


# What YAML may hold where a word, a path, a list or a section is meant.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
PLACES = [
    ("tls_server_config",),
    ("http_server_config",),
    ("basic_auth_users",),
    ("unknown",),
    ("basic_auth_users", "alice"),
    ("http_server_config", "headers"),
    ("http_server_config", "headers", "X-A"),
    ("http_server_config", "unknown"),
    *(
        ("tls_server_config", key)
        for key in (
            *("cert_file", "key_file", "client_ca_file", "client_auth_type"),
            *("min_version", "max_version", "cipher_suites", "unknown"),
        )
    ),
]


def problems_of(path: Path) -> list[str]:
    try:
        load_web_config(path)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize("place", PLACES, ids=".".join)
@given(value=VALUES)
@example(value=[{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": True}])
@example(value=[["TLS12"], None])
@example(value={"TLS12": "TLS12"})
@example(value=[])
@example(value=0)
@example(value="\ud800")
def test_whatever_stands_at_a_key_is_a_problem_that_can_be_shown(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str, ...], value: object
) -> None:
    document = value
    for key in reversed(place):
        document = {key: document}
    folder = tmp_path_factory.getbasetemp()
    path = file_with(folder, yaml.safe_dump(document))
    # None is as if the key were not there, and some values are what is meant: an empty section, headers.
    is_section = len(place) == 1 and place != ("unknown",) and value == {}
    is_headers = place[-1] == "headers" and isinstance(value, dict)
    is_header = place[-1] == "X-A" and isinstance(value, str)
    problems = problems_of(path)
    assert problems or value is None or is_section or is_headers or is_header
    assert all(problem.isprintable() for problem in problems)


def test_a_look_that_fails_by_a_defect_is_logged_and_not_the_last(
    tmp_path: Path,
) -> None:
    path = file_with(tmp_path, users_text(alice="wonder"))
    told: list[tuple[str, ...]] = []

    def on_config_file(problems: tuple[str, ...]) -> None:
        told.append(problems)
        if len(told) == 1:
            raise TypeError("a defect")

    with serving() as views:
        server = WebServer(
            Web(port=0, config_file=path),
            views.served.views(),
            views.log,
            on_config_file=on_config_file,
            recheck_seconds=0.05,
        )
        server.start()
        try:
            file_with(tmp_path, "no: [")
            wait_until(lambda: is_logged(views, "config.failed"))
            file_with(tmp_path, users_text(alice="changed"))
            wait_until(lambda: is_logged(views, "config.reloaded"))
        finally:
            server.close(30)
    failed = [line for line in views.logged() if line["event"] == "config.failed"]
    assert len(failed) == 1
    assert "a defect" in failed[0]["exception"]


def test_a_server_with_a_bad_file_does_not_start(tmp_path: Path) -> None:
    with serving() as client:
        web = Web(port=0, config_file=tmp_path / "no.yml")
        with pytest.raises(ConfigError, match="cannot be read"):
            WebServer(web, client.served.views(), client.log).start()


def test_passwords_are_asked_for_everywhere_but_at_the_health_checks(
    tmp_path: Path,
) -> None:
    path = file_with(
        tmp_path,
        users_text(alice="wonder", bob="builder"),
    )
    with serving(config_file=path) as client:
        asked = {
            path: client.get(path).status
            for path in (
                "/",
                "/metrics",
                "/api/v1/alerts",
                "/static/page.css",
                "/nothing",
                "/-/healthy",
                "/-/ready",
            )
        }
        assert asked == {
            "/": 401,
            "/metrics": 401,
            "/api/v1/alerts": 401,
            "/static/page.css": 401,
            "/nothing": 401,
            "/-/healthy": 200,
            "/-/ready": 200,
        }
        assert client.ask("POST", "/-/reload").status == 401
        assert client.served.reloads == 0
        refused = client.get("/metrics")
        assert (
            refused.headers["www-authenticate"]
            == 'Basic realm="token-monitor", charset="UTF-8"'
        )
        assert refused.text == "Unauthorized\n"


def test_only_a_user_with_the_right_password_gets_in(tmp_path: Path) -> None:
    long = "x" * 72
    path = file_with(
        tmp_path,
        users_text(alice="wonder", bob=long, é="ü:"),
    )
    attempts = {
        ("alice", "wonder"): 200,
        ("alice", "wonde"): 401,
        ("alice", ""): 401,
        ("bob", "wonder"): 401,
        ("bob", long): 200,
        ("bob", long + "y"): 401,
        ("nobody", "wonder"): 401,
        ("é", "ü:"): 200,
        ("alice", "wonder\0"): 401,
    }
    with serving(config_file=path) as client:
        for _ in range(2):  # the second time from memory
            got = {who: status_as(client, *who) for who in attempts}
            assert got == attempts
        for header in (
            "Basic",
            "Basic !!!",
            "Basic YWxpY2U=",
            "Bearer x",
            "Basic //8=",
            "",
        ):
            assert client.get("/metrics", authorization=header).status == 401


def is_logged(client: Client, event: str) -> bool:
    return any(line["event"] == event for line in client.logged())


@contextmanager
def flood(client: Client, user: str, *, guesses: int) -> Iterator[Callable[[], int]]:
    """Guess at a user's password, all at once; from the first answer on, gives how many still wait."""
    asked = threading.Event()

    def guess(number: int) -> None:
        client.ask("GET", "/metrics", basic(user, f"guess{number}"))
        asked.set()

    threads = [
        threading.Thread(target=guess, args=(number,)) for number in range(guesses)
    ]
    for thread in threads:
        thread.start()
    try:
        assert asked.wait(60)
        yield lambda: sum(thread.is_alive() for thread in threads)
    finally:
        for thread in threads:
            thread.join()


def test_a_flood_of_wrong_passwords_does_not_stop_the_health_check(
    tmp_path: Path,
) -> None:
    path = file_with(tmp_path, users_text(12, alice="wonder"))
    with (
        serving(config_file=path) as client,
        flood(client, "alice", guesses=20) as waiting,
    ):
        assert client.get("/-/healthy").status == 200
        assert waiting() >= 1, "five seconds of work wait yet"


def test_no_number_of_wrong_passwords_makes_a_scrape_pay_for_the_right_one_again(
    tmp_path: Path,
) -> None:
    path = file_with(tmp_path, users_text(6, alice="wonder"))
    with serving(config_file=path) as client:
        assert status_as(client, "alice", "wonder") == 200
        for number in range(150):
            assert status_as(client, "alice", f"guess{number}") == 401
        # Half a second and more for each guess at bob's.
        slow = hashed("wonder", rounds=13)
        file_with(tmp_path, f"{path.read_text()}  bob: {slow}\n")
        wait_until(lambda: is_logged(client, "config.reloaded"))
        with flood(client, "bob", guesses=10) as waiting:
            assert status_as(client, "alice", "wonder") == 200
            assert waiting() >= 2


def test_a_file_on_a_disk_that_hangs_holds_up_no_request_and_counts_when_it_can_be_read(
    tmp_path: Path,
) -> None:
    path = file_with(tmp_path, users_text(alice="wonder"))
    with serving(config_file=path, recheck_seconds=0.5) as client:
        assert status_as(client, "alice", "wonder") == 200
        other = tmp_path / "other.yml"
        other.write_text(users_text(alice="changed"))
        with hanging(other) as is_waited_for:
            other.replace(path)
            wait_until(is_waited_for)
            for _ in range(8):
                assert client.get("/-/healthy").status == 200
                assert status_as(client, "alice", "wonder") == 200
            assert client.logged() == []
        wait_until(lambda: status_as(client, "alice", "changed") == 200)


def test_a_pipe_in_place_of_the_file_is_refused_at_once(tmp_path: Path) -> None:
    path = file_with(tmp_path, users_text(alice="wonder"))
    with serving(config_file=path) as client:
        os.mkfifo(tmp_path / "pipe")  # to open it would last until somebody writes
        (tmp_path / "pipe").replace(path)
        wait_until(lambda: is_logged(client, "config.rejected"))
        (rejected,) = (
            line for line in client.logged() if line["event"] == "config.rejected"
        )
        assert rejected["problems"] == [f"{path}: is no regular file"]
        assert client.get("/-/healthy").status == 200
        assert status_as(client, "alice", "wonder") == 200
        assert client.get("/metrics").status == 401


def test_the_first_scrape_with_a_password_needs_no_new_thread(tmp_path: Path) -> None:
    path = file_with(tmp_path, users_text(alice="wonder"))
    with serving(config_file=path) as client, no_thread_to_be_had():
        assert status_as(client, "alice", "wonder") == 200
        assert status_as(client, "alice", "guess") == 401


def test_headers_of_the_file_are_on_every_answer_and_win(tmp_path: Path) -> None:
    path = file_with(
        tmp_path,
        "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=31536000\n"
        "    X-Frame-Options: SAMEORIGIN\n",
    )
    with serving(config_file=path) as client:
        headers = client.get("/nothing").headers
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["x-frame-options"] == "SAMEORIGIN"


def test_tls_serves_and_plain_requests_get_nothing(
    tmp_path: Path, authority: Authority
) -> None:
    authority.issue("server")
    path = file_with(tmp_path, tls_text(min_version="TLS13"))
    with serving(config_file=path, tls=authority.client_context()) as client:
        assert client.get("/metrics").status == 200
        old = authority.client_context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError), client.connect() as raw:
            old.wrap_socket(raw, server_hostname=client.host)
        with client.connect() as plain:
            plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200" not in received(plain)
        assert client.get("/metrics").status == 200


def received(connection: socket.socket) -> bytes:
    parts = b""
    try:
        while part := connection.recv(65536):
            parts += part
    except ConnectionError:
        pass
    return parts


def test_clients_must_prove_themselves_where_that_is_wanted(
    tmp_path: Path, authority: Authority
) -> None:
    authority.issue("server")
    own = authority.issue("scraper")
    (tmp_path / "other").mkdir()
    foreign = Authority(tmp_path / "other").issue("scraper")
    path = file_with(
        tmp_path,
        tls_text(
            client_ca_file="ca.pem", client_auth_type="RequireAndVerifyClientCert"
        ),
    )
    with serving(config_file=path, tls=authority.client_context(own)) as client:
        assert client.get("/metrics").status == 200
        for certificate in (None, foreign):
            other = Client(
                client.host,
                client.port,
                client.served,
                client.log_stream,
                client.log,
                authority.client_context(certificate),
            )
            with pytest.raises((ssl.SSLError, ConnectionError)):
                other.get("/metrics")
        assert client.get("/metrics").status == 200


def test_one_silent_handshake_stops_nobody(
    tmp_path: Path, authority: Authority
) -> None:
    authority.issue("server")
    path = file_with(tmp_path, tls_text())
    with (
        serving(config_file=path, tls=authority.client_context()) as client,
        client.connect(),
        client.connect() as half,
    ):
        half.sendall(b"\x16\x03\x01\x02\x00\x01")
        begun = time.monotonic()
        assert client.get("/metrics").status == 200
        assert time.monotonic() - begun < HANDSHAKE_SECONDS, (
            "after which the silent ones are dropped"
        )


def rejections(client: Client) -> int:
    return sum(line["event"] == "config.rejected" for line in client.logged())


def subject(client: Client) -> str:
    assert client.tls is not None
    with (
        client.connect() as raw,
        client.tls.wrap_socket(raw, server_hostname=client.host) as secured,
    ):
        certificate = secured.getpeercert()
    assert certificate is not None
    return str(certificate["subject"])


def test_a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not(
    tmp_path: Path, authority: Authority
) -> None:
    cert_file, _ = authority.issue("before", file="server")
    path = file_with(tmp_path, tls_text())
    with serving(config_file=path, tls=authority.client_context()) as client:
        assert "before" in subject(client)
        authority.issue("after", file="server")
        wait_until(lambda: "after" in subject(client))
        before = rejections(
            client
        )  # of the new certificate while its key was the old one
        cert_file.write_text("broken")
        wait_until(lambda: rejections(client) > before)
        assert "after" in subject(client)


def test_changed_users_count_without_a_restart_and_a_broken_file_does_not(
    tmp_path: Path,
) -> None:
    path = file_with(tmp_path, users_text(alice="wonder"))
    with serving(config_file=path) as client:
        assert status_as(client, "alice", "wonder") == 200
        file_with(tmp_path, users_text(alice="changed"))
        wait_until(lambda: status_as(client, "alice", "changed") == 200)
        assert status_as(client, "alice", "wonder") == 401
        file_with(tmp_path, "basic_auth_users: {alice: changed}")
        wait_until(lambda: is_logged(client, "config.rejected"))
        assert status_as(client, "alice", "changed") == 200
        assert client.get("/metrics").status == 401


@pytest.mark.parametrize(
    "text",
    ["", "http_server_config: {http2: false}\n"],
    ids=["emptied", "half written"],
)
def test_a_file_that_loses_its_users_lets_nobody_in(tmp_path: Path, text: str) -> None:
    path = file_with(tmp_path, users_text(alice="wonder"))
    with serving(config_file=path) as client:
        file_with(tmp_path, text)
        wait_until(lambda: is_logged(client, "config.rejected"))
        (rejected,) = (
            line for line in client.logged() if line["event"] == "config.rejected"
        )
        assert str(rejected["problems"][0]).startswith(
            f"{path}: basic_auth_users: has no users any more"
        )
        assert client.get("/metrics").status == 401
        assert status_as(client, "alice", "wonder") == 200


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth_users: {alice: 2020-99-99}",
        "http_server_config: {headers: {X: !!int x}}",
        "[" * 3000,
    ],
    ids=["no date", "no number", "deep"],
)
def test_a_file_that_is_no_yaml_at_all_is_refused_and_the_next_one_counts(
    tmp_path: Path, text: str
) -> None:
    path = file_with(tmp_path, users_text(alice="wonder"))
    with serving(config_file=path) as client:
        file_with(tmp_path, text)
        wait_until(lambda: is_logged(client, "config.rejected"))
        assert status_as(client, "alice", "wonder") == 200
        file_with(tmp_path, users_text(alice="changed"))
        wait_until(lambda: status_as(client, "alice", "changed") == 200)


def test_a_file_is_taken_as_soon_as_what_it_needs_is_there_and_refused_in_one_line(
    tmp_path: Path, authority: Authority
) -> None:
    authority.issue("before", file="server")
    path = file_with(tmp_path, tls_text())
    with serving(config_file=path, tls=authority.client_context()) as client:
        for number, name in enumerate(("other", "next", "other", "next"), 1):
            file_with(
                tmp_path, tls_text(cert_file=f"{name}.pem", key_file=f"{name}.key")
            )
            wait_until(lambda: rejections(client) >= number)  # noqa: B023
            assert "before" in subject(client)
        assert rejections(client) == 4
        authority.issue("after", file="next")
        wait_until(lambda: "after" in subject(client))


@pytest.mark.parametrize("lost", ["users", "TLS", "all"])
def test_certificates_are_renewed_whatever_the_file_is_refused_for(
    tmp_path: Path, authority: Authority, lost: str
) -> None:
    authority.issue("before", file="server")
    users = users_text(alice="wonder")
    path = file_with(tmp_path, tls_text() + users)
    with serving(config_file=path, tls=authority.client_context()) as client:
        file_with(tmp_path, {"users": tls_text(), "TLS": users, "all": "no: ["}[lost])
        wait_until(lambda: is_logged(client, "config.rejected"))
        authority.issue("after", file="server")
        wait_until(lambda: "after" in subject(client))
        assert client.get("/metrics").status == 401
        assert status_as(client, "alice", "wonder") == 200
