"""Every key of the web-config file, changed while the server runs: what a client sees before and after."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from monitor.model.errors import ConfigError
from monitor.model.process_settings import Web
from monitor.web import WebServer
from monitor.web.web_config import load_web_config
from tests.web.certificates import Authority
from tests.web.serving import Client, serving, wait_until
from tests.web.web_config_files import file_with, status_as, tls_text, users_text

AES = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
CHACHA = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
VERIFY = {"client_ca_file": "old.pem", "client_auth_type": "RequireAndVerifyClientCert"}


@dataclass(frozen=True)
class Authorities:
    """The page's own authority, and an old and a new one of clients; their files stand in the folder."""

    folder: Path
    page: Authority
    old: Authority
    new: Authority
    clients: dict[str, tuple[Path, Path]] = field(default_factory=dict)

    def context(self, of: str = "") -> ssl.SSLContext:
        """Make a client's context, with a certificate by the old or the new authority, or none."""
        return self.page.client_context(self.clients.get(of))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    folder = tmp_path_factory.mktemp("authorities")
    made = Authorities(
        folder,
        Authority(folder, "ca"),
        Authority(folder, "old"),
        Authority(folder, "new"),
    )
    for name in ("server", "other"):
        made.page.issue(name)
    made.clients["old"] = made.old.issue("scraper", file="by-old")
    made.clients["new"] = made.new.issue("scraper", file="by-new")
    return made


@pytest.fixture
def authorities(made: Authorities, tmp_path: Path) -> Authorities:
    for file in made.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return replace(made, folder=tmp_path)


def by_old(a: Authorities) -> ssl.SSLContext:
    return a.context("old")


def by_new(a: Authorities) -> ssl.SSLContext:
    return a.context("new")


def by_none(a: Authorities) -> ssl.SSLContext:
    return a.context()


def only(
    version: ssl.TLSVersion, ciphers: str = ""
) -> Callable[[Authorities], ssl.SSLContext]:
    def context(a: Authorities) -> ssl.SSLContext:
        made = a.context()
        made.minimum_version = made.maximum_version = version
        if ciphers:
            made.set_ciphers(ciphers)
        return made

    return context


def seen(client: Client, context: ssl.SSLContext | None) -> str:
    """Ask with this context: the answer's status and the page's name, or that nobody is let in."""
    try:
        status = replace(client, tls=context).get("/-/healthy").status
        if context is None:
            return str(status)
        with (
            client.connect() as raw,
            context.wrap_socket(raw, server_hostname=client.host) as secured,
        ):
            certificate = str(secured.getpeercert())
    except (OSError, http.client.HTTPException):
        return "refused"
    return f"{status} {'other' if 'other' in certificate else 'server'}"


@pytest.mark.parametrize(
    ("before", "after", "sees"),
    [
        (
            {},
            {"cert_file": "other.pem", "key_file": "other.key"},
            {by_none: ("200 server", "200 other")},
        ),
        (
            VERIFY,
            {**VERIFY, "client_ca_file": "new.pem"},
            {by_old: ("200 server", "refused"), by_new: ("refused", "200 server")},
        ),
        (
            {},
            VERIFY,
            {by_none: ("200 server", "refused"), by_old: ("200 server", "200 server")},
        ),
        (VERIFY, {}, {by_none: ("refused", "200 server")}),
        (
            VERIFY,
            {**VERIFY, "client_auth_type": "VerifyClientCertIfGiven"},
            {by_none: ("refused", "200 server"), by_new: ("refused", "refused")},
        ),
        (
            {},
            {"min_version": "TLS13"},
            {
                only(ssl.TLSVersion.TLSv1_2): ("200 server", "refused"),
                by_none: ("200 server", "200 server"),
            },
        ),
        (
            {},
            {"max_version": "TLS12"},
            {
                only(ssl.TLSVersion.TLSv1_3): ("200 server", "refused"),
                by_none: ("200 server", "200 server"),
            },
        ),
        (
            {"cipher_suites": f"[{AES}]"},
            {"cipher_suites": f"[{CHACHA}]"},
            {
                only(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"): (
                    "200 server",
                    "refused",
                ),
                only(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305"): (
                    "refused",
                    "200 server",
                ),
            },
        ),
    ],
    ids=[
        "cert_file and key_file",
        "client_ca_file",
        "client_auth_type, from none",
        "client_auth_type, to none",
        "client_auth_type",
        "min_version",
        "max_version",
        "cipher_suites",
    ],
)
def test_tls_that_is_changed_is_in_force_for_whoever_comes_next(
    authorities: Authorities,
    before: dict[str, str],
    after: dict[str, str],
    sees: dict[Callable[[Authorities], ssl.SSLContext], tuple[str, str]],
) -> None:
    path = file_with(authorities.folder, tls_text(**before))
    contexts = {make(authorities): expected for make, expected in sees.items()}
    with serving(config_file=path) as client:
        assert [seen(client, context) for context in contexts] == [
            was for was, _ in contexts.values()
        ]
        file_with(authorities.folder, tls_text(**after))
        wait_until(
            lambda: any(line["event"] == "config.reloaded" for line in client.logged())
        )
        for context, (_, now) in contexts.items():
            wait_until(lambda context=context, now=now: seen(client, context) == now)  # type: ignore[misc]


def kept_connection(
    client: Client, context: ssl.SSLContext
) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(
        client.host, client.port, timeout=60, context=context
    )


def test_a_client_authority_whose_file_has_others_now_is_revoked(
    authorities: Authorities,
) -> None:
    path = file_with(authorities.folder, tls_text(**VERIFY))
    with serving(config_file=path) as client:
        assert seen(client, by_old(authorities)) == "200 server"
        (authorities.folder / "new.pem").replace(authorities.folder / "old.pem")
        wait_until(lambda: seen(client, by_old(authorities)) == "refused")
        assert seen(client, by_new(authorities)) == "200 server"


def test_connections_that_were_let_in_by_what_is_no_more_in_force_are_ended(
    authorities: Authorities,
) -> None:
    path = file_with(authorities.folder, tls_text())
    with serving(config_file=path) as client:
        kept = http.client.HTTPSConnection(
            client.host, client.port, timeout=60, context=authorities.context()
        )

        def is_let_in() -> bool:
            assert kept.sock is not None, "it would connect again"
            try:
                kept.request("GET", "/-/healthy")
                answer = kept.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return False
            return kept.sock is not None

        kept.connect()
        assert is_let_in()
        file_with(authorities.folder, tls_text(**VERIFY))
        wait_until(lambda: not is_let_in())
        kept.close()


def test_connections_stay_where_only_users_and_headers_change(
    authorities: Authorities,
) -> None:
    path = file_with(authorities.folder, tls_text())
    with serving(config_file=path) as client:
        kept = http.client.HTTPSConnection(
            client.host, client.port, timeout=60, context=authorities.context()
        )
        kept.connect()
        socket_of_before = kept.sock
        file_with(
            authorities.folder,
            tls_text() + "http_server_config: {headers: {X-Seen: now}}\n",
        )

        def header() -> str | None:
            kept.request("GET", "/-/healthy")
            answer = kept.getresponse()
            answer.read()
            return answer.getheader("X-Seen")

        wait_until(lambda: header() == "now")
        assert kept.sock is socket_of_before
        kept.close()


def test_tls_and_users_that_are_added_are_in_force_at_once(
    authorities: Authorities,
) -> None:
    path = file_with(authorities.folder, "")
    with serving(config_file=path) as client:
        assert seen(client, None) == "200"
        file_with(
            authorities.folder,
            tls_text() + users_text(alice="wonder"),
        )
        wait_until(lambda: seen(client, authorities.context()) == "200 server")
        assert seen(client, None) == "refused"
        secured = replace(client, tls=authorities.context())
        assert secured.get("/metrics").status == 401
        assert status_as(secured, "alice", "wonder") == 200


@pytest.mark.parametrize(
    "broken",
    ["no: [", "other key", "protected key", "no certificate"],
    ids=lambda text: text,
)
def test_what_cannot_be_used_is_reported_until_it_can_and_the_old_one_serves_on(
    authorities: Authorities, broken: str
) -> None:
    folder = authorities.folder
    path = file_with(folder, tls_text())
    said: list[tuple[str, ...]] = []
    with serving() as views:
        server = WebServer(
            Web(port=0, config_file=path),
            views.served.views(),
            views.log,
            on_config_file=said.append,
            recheck_seconds=0.05,
        )
        host, port = server.start()
        try:
            client = replace(views, host=host, port=port)
            right = (folder / "server.key").read_bytes()
            spoil(folder, broken)
            wait_until(lambda: said != [])
            assert len(said[0]) == 1
            assert seen(client, authorities.context()) == "200 server"
            with pytest.raises(ConfigError) as refused:
                server.reload_config_file()
            assert (str(refused.value),) == said[0]
            with pytest.raises(ConfigError) as invalid:
                load_web_config(path)
            assert str(invalid.value) == str(refused.value)
            assert len(said) == 1
            put(folder / "server.key", right)
            file_with(folder, tls_text())
            wait_until(lambda: said[1:] == [()])
            server.reload_config_file()
            assert seen(client, authorities.context()) == "200 server"
        finally:
            server.close(30)


def spoil(folder: Path, how: str) -> None:
    if how == "other key":
        put(folder / "server.key", (folder / "other.key").read_bytes())
    elif how == "protected key":
        protect(folder / "server.key")
    elif how == "no certificate":
        file_with(folder, tls_text(cert_file="gone.pem"))
    else:
        file_with(folder, how)


def put(path: Path, content: bytes) -> None:
    """Put another file in its place: whole at once, for a server reads it meanwhile."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def protect(key_file: Path) -> None:
    """Put a passphrase on a key."""
    key = load_pem_private_key(key_file.read_bytes(), None)
    encryption = BestAvailableEncryption(b"passphrase")
    put(key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
