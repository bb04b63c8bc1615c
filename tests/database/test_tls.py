"""TLS modes against a real MariaDB with a certificate of an authority of our own."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args, get_type_hints

import pytest

from monitor.database.credentials import VERIFICATION_BY_MODE
from monitor.demo.mariadb import PrivateMariaDB
from monitor.model.errors import QueryError, Reason
from monitor.model.targets import Tls
from monitor.secrets.certificates import end_of_certificate_in
from monitor.timing.deadlines import Watchdog
from tests.database.conftest import Databases
from tests.database.targets import (
    PASSWORD,
    fetch,
    fetch_in,
    refusal_of,
    run_as_root,
    target_at,
    wait_until,
)
from tests.support.servers import free_port


@dataclass(frozen=True)
class Certificates:
    """What an authority, a server and a client have in their files."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        kind, _, ending = name.rpartition("_")
        return self.folder / f"{kind}.{ending}"


def test_each_mode_that_can_be_configured_says_what_is_verified() -> None:
    modes = get_args(get_type_hints(Tls)["mode"])
    stated = {"disabled", *VERIFICATION_BY_MODE}
    assert stated == set(modes), "credentials.VERIFICATION_BY_MODE lacks a mode of TLS"


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_authority(folder: Path, name: str) -> None:
    openssl(
        *(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
        ),
        *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"),
    )


def sign(folder: Path, name: str, *, alternative: str = "DNS:localhost") -> None:
    extensions = folder / f"{name}.ext"
    extensions.write_text(f"subjectAltName={alternative}\n")
    openssl(
        *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
        *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr"),
    )
    openssl(
        *(
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            folder / f"{name}.csr",
            "-out",
            folder / f"{name}.pem",
        ),
        *(
            "-CA",
            folder / "authority.pem",
            "-CAkey",
            folder / "authority.key",
            "-CAcreateserial",
        ),
        *("-extfile", extensions),
    )


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    with tempfile.TemporaryDirectory(prefix="tm-") as made:
        folder = Path(made)
        # mariadbd reads them as whoever runs the tests
        for name in ("authority", "other"):
            make_authority(folder, name)
        for name in ("server", "client"):
            sign(folder, name)
        yield Certificates(folder)


@pytest.fixture(scope="module")
def with_tls(certificates: Certificates) -> Iterator[PrivateMariaDB]:
    options = (
        f"--ssl-ca={certificates.authority_pem}",
        f"--ssl-cert={certificates.server_pem}",
        f"--ssl-key={certificates.server_key}",
    )
    directory = Path(tempfile.mkdtemp(prefix="tm-"))
    with PrivateMariaDB(directory, port=free_port(), options=options) as server:
        run_as_root(
            server,
            "CREATE DATABASE app",
            "CREATE USER over_tcp@'%' IDENTIFIED BY 's3cret' REQUIRE SSL",
            "GRANT SELECT ON app.* TO over_tcp@'%'",
            "CREATE USER known@'%' IDENTIFIED BY 's3cret' REQUIRE X509",
        )
        yield server


Mode = Literal["required", "verify_ca", "verify_identity"]
CIPHER = "SHOW SESSION STATUS LIKE 'Ssl_version'"


@pytest.mark.parametrize(
    ("mode", "ca", "host"),
    [
        ("verify_identity", "authority", "localhost"),
        ("verify_ca", "authority", "127.0.0.1"),
        ("required", None, "127.0.0.1"),
        ("required", "other", "127.0.0.1"),
    ],
)
def test_a_server_that_satisfies_the_mode_is_spoken_to_in_tls(
    databases: Databases,
    with_tls: PrivateMariaDB,
    certificates: Certificates,
    mode: Mode,
    ca: str | None,
    host: str,
) -> None:
    tls = Tls(mode, ca_file=certificates.folder / f"{ca}.pem" if ca else None)
    database = databases.open(
        target_at(with_tls.port or 0, tls=tls, host=host), environ=PASSWORD
    )
    for _ in range(2):
        ((_, version),) = fetch(database, CIPHER).rows
        assert version in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize(
    ("mode", "ca", "host", "words"),
    [
        ("verify_identity", "other", "localhost", "certificate"),
        ("verify_identity", "authority", "127.0.0.1", "not valid for '127.0.0.1'"),
        ("verify_identity", None, "localhost", "certificate"),
        ("verify_ca", "other", "localhost", "certificate"),
        ("verify_ca", None, "localhost", "certificate"),
    ],
    ids=[
        "wrong authority",
        "wrong host",
        "unknown authority",
        "ca: wrong authority",
        "ca: unknown authority",
    ],
)
def test_a_server_that_cannot_prove_itself_is_refused(
    databases: Databases,
    with_tls: PrivateMariaDB,
    certificates: Certificates,
    mode: Mode,
    ca: str | None,
    host: str,
    words: str,
) -> None:
    tls = Tls(mode, ca_file=certificates.folder / f"{ca}.pem" if ca else None)
    error = refusal_of(
        databases.open(
            target_at(with_tls.port or 0, tls=tls, host=host), environ=PASSWORD
        )
    )
    assert (error.reason, error.detail) == (Reason.TARGET_DOWN, "tls")
    assert words in error.message


def test_a_client_certificate_is_shown(
    databases: Databases, with_tls: PrivateMariaDB, certificates: Certificates
) -> None:
    port = with_tls.port or 0
    ca = certificates.authority_pem
    known = Tls(
        "verify_ca",
        ca_file=ca,
        cert_file=certificates.client_pem,
        key_file=certificates.client_key,
    )
    target = target_at(port, schema="", user="known", tls=known)
    assert fetch(databases.open(target, environ=PASSWORD), "SELECT 1 AS one").rows == (
        (1,),
    )
    stranger = target_at(
        port, schema="", user="known", tls=Tls("verify_ca", ca_file=ca)
    )
    assert refusal_of(databases.open(stranger, environ=PASSWORD)).code == 1045


@pytest.mark.parametrize("mode", ["required", "verify_ca"])
def test_a_session_knows_when_the_servers_certificate_and_ours_end(
    databases: Databases,
    with_tls: PrivateMariaDB,
    certificates: Certificates,
    mode: Mode,
) -> None:
    tls = Tls(
        mode,
        certificates.authority_pem,
        certificates.client_pem,
        certificates.client_key,
    )
    database = databases.open(
        target_at(with_tls.port or 0, tls=tls, user="known", schema=""),
        environ=PASSWORD,
    )
    with database.lease(deadline_seconds=20) as session:
        shown = session.server.certificates
    ends = [
        end_of_certificate_in(file)
        for file in (certificates.server_pem, certificates.client_pem)
    ]
    assert [(one.kind, one.ends_at) for one in shown] == list(
        zip(("server", "client"), ends, strict=True)
    )
    days = [(one.ends_at - datetime.now(UTC)).total_seconds() / 86400 for one in shown]
    assert all(1.9 < left < 2.1 for left in days)


@pytest.mark.parametrize("by", ["killed", "cut"])
def test_a_query_that_ignores_its_limit_is_stopped_over_tls_too(
    databases: Databases,
    with_tls: PrivateMariaDB,
    certificates: Certificates,
    watchdog: Watchdog,
    by: str,
) -> None:
    tls = Tls("verify_ca", ca_file=certificates.authority_pem)
    database = databases.open(target_at(with_tls.port or 0, tls=tls), environ=PASSWORD)

    def is_stopped_so() -> bool:
        with database.lease(deadline_seconds=20) as session:
            fetch_in(session, "SELECT 1 AS one", seconds=0.4)
            session.connection.execute("SET SESSION max_statement_time = 0")
            if by == "cut":
                watchdog.after(0.2, session.connection.cut)
            started = time.monotonic()
            with pytest.raises(QueryError) as caught:
                fetch_in(session, "SELECT SLEEP(20) AS slept", seconds=0.4)
            assert caught.value.reason is Reason.TIMEOUT
            assert time.monotonic() - started < 15
            assert fetch_in(session, "SELECT 1 AS one").rows == ((1,),)
        return caught.value.detail == by

    # A server that is busy may not have ended it before we cut the connection.
    wait_until(is_stopped_so, by)


@pytest.mark.parametrize("file", ["ca_file", "cert_file"])
def test_a_certificate_file_that_cannot_be_used_is_named(
    databases: Databases, with_tls: PrivateMariaDB, tmp_path: Path, file: str
) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    for name, words in (("none.pem", "No such file"), ("bad.pem", "")):
        tls = Tls("required", **{file: tmp_path / name})
        error = refusal_of(
            databases.open(target_at(with_tls.port or 0, tls=tls), environ=PASSWORD)
        )
        assert (error.reason, error.detail) == (Reason.TARGET_DOWN, "tls")
        assert error.message.startswith(f"cannot use {tmp_path / name}: ")
        assert words in error.message


def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(
    databases: Databases,
    with_tls: PrivateMariaDB,
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    openssl(
        "rsa",
        "-aes128",
        "-passout",
        "pass:x1y2",
        "-in",
        certificates.client_key,
        "-out",
        tmp_path / "k.pem",
    )
    tls = Tls(
        "required", cert_file=certificates.client_pem, key_file=tmp_path / "k.pem"
    )
    error = refusal_of(
        databases.open(target_at(with_tls.port or 0, tls=tls), environ=PASSWORD)
    )
    assert "protected by a passphrase" in error.message
