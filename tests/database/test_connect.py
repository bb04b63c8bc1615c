"""Being let in: passwords, rogue and silent servers, and what each failure to connect is called."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from monitor.database.connect import Connector
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.errors import Reason
from monitor.model.targets import PasswordSource, Target, Tls
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog
from tests.database.conftest import Databases
from tests.database.proxy import (
    Listener,
    error_packet,
    greeting,
    packet,
    read_packet,
    serve_session,
)
from tests.database.targets import (
    ELSEWHERE,
    PASSWORD,
    fetch,
    refusal_of,
    run_as_root,
    target_at,
    target_for,
    target_of_account,
    verdict_on,
    wait_until,
    write_password,
)
from tests.support.resource_limits import no_thread_to_be_had
from tests.support.servers import free_port


def test_a_password_comes_from_a_file_read_at_each_connect(
    databases: Databases,
    server: PrivateServer,
    server_schema: str,
    account: str,
    tmp_path: Path,
) -> None:
    source = write_password(tmp_path / "secret", "wrong")
    database = databases.open(
        target_for(server, schema=server_schema, user=account, password=source)
    )
    assert verdict_on(database) == (Reason.ACCESS_DENIED, "login", 1045)
    write_password(tmp_path / "secret", "s3cret")
    assert fetch(database, "SELECT 1 AS one").rows == ((1,),)


def test_a_refused_password_is_not_hammered(
    databases: Databases, server: PrivateServer, server_schema: str, account: str
) -> None:
    target = target_of_account(server, server_schema, account)
    database = databases.open(target, environ={"PASSWORD": "wr0ng"})
    before, started = connections_of(server), time.monotonic()
    for _ in range(10):
        assert verdict_on(database) == (Reason.ACCESS_DENIED, "login", 1045)
    # ours, and the two that counted; after a second it may be tried again
    assert connections_of(server) - before <= 3 + int(time.monotonic() - started)


def test_a_password_that_was_rotated_while_we_were_on_our_way_is_read_once_more(
    databases: Databases, tmp_path: Path
) -> None:
    source = write_password(tmp_path / "secret", "old")

    def rotate(client: socket.socket) -> None:
        client.sendall(greeting())
        read_packet(client)
        if listener.accepted == 1:
            write_password(tmp_path / "secret", "new")
        client.sendall(error_packet(2, 1045, "Access denied for user 'over_tcp'"))
        hold(client)

    with Listener(rotate) as listener:
        database = databases.open(target_at(listener.port, password=source))
        started = time.monotonic()
        for _ in range(5):
            assert verdict_on(database) == (Reason.ACCESS_DENIED, "login", 1045)
        # the old one, the new one, and neither again before its time, a second
        assert 2 <= listener.accepted <= 2 + int(time.monotonic() - started)


def test_an_expired_password_is_a_refused_login_and_not_hammered(
    databases: Databases, server: PrivateServer, server_schema: str, account: str
) -> None:
    run_as_root(server, f"ALTER USER {account}@'%' PASSWORD EXPIRE")
    target = target_of_account(server, server_schema, account)
    database = databases.open(target, environ=PASSWORD)
    before, started = connections_of(server), time.monotonic()
    reason, detail, code = verdict_on(database)
    assert (reason, detail) == (Reason.ACCESS_DENIED, "login")
    assert code in (1820, 1862)
    for _ in range(5):
        assert verdict_on(database)[2] == code
    assert connections_of(server) - before <= 3 + int(time.monotonic() - started)


def test_a_password_that_expires_later_costs_no_session_that_is_open(
    databases: Databases, server: PrivateServer, server_schema: str, account: str
) -> None:
    target = target_of_account(server, server_schema, account)
    database = databases.open(target, environ=PASSWORD)
    fetch(database, "SELECT 1 AS one")
    run_as_root(server, f"ALTER USER {account}@'%' PASSWORD EXPIRE")
    assert fetch(database, "SELECT 1 AS one").rows == ((1,),)
    run_as_root(server, f"ALTER USER {account}@'%' IDENTIFIED BY 's3cret'")


@pytest.fixture
def sha2(mysql: PrivateServer) -> Iterator[int]:
    """An account by caching_sha2_password that nobody has come by yet; gives the port."""
    run_as_root(
        mysql, "CREATE USER sha2@'%' IDENTIFIED WITH caching_sha2_password BY 's3cret'"
    )
    assert mysql.port is not None
    yield mysql.port
    run_as_root(mysql, "DROP USER sha2@'%'")


@pytest.mark.mysql
def test_caching_sha2_lets_us_in_over_tcp_without_tls_by_the_servers_own_key(
    databases: Databases, mysql: PrivateServer, sha2: int
) -> None:
    tls = Tls("disabled", public_key_file=mysql.data / "public_key.pem")
    target = target_at(sha2, schema="", user="sha2", tls=tls)
    rows = fetch(
        databases.open(target, environ=PASSWORD), "SELECT CURRENT_USER() AS who"
    ).rows
    assert rows == (("sha2@%",),)
    # from now on the server remembers it, and nothing is sent that could be read
    unpinned = target_at(sha2, schema="", user="sha2")
    assert fetch(
        databases.open(unpinned, environ=PASSWORD), "SELECT 1 AS one"
    ).rows == ((1,),)
    wrong = databases.open(target, environ={"PASSWORD": "wr0ng"})
    assert verdict_on(wrong) == (Reason.ACCESS_DENIED, "login", 1045)


@pytest.mark.mysql
def test_caching_sha2_on_this_machine_needs_no_known_key(
    databases: Databases, sha2: int
) -> None:
    rows = fetch(
        databases.open(target_at(sha2, schema="", user="sha2"), environ=PASSWORD),
        "SELECT 1 AS one",
    )
    assert rows.rows == ((1,),)


@pytest.mark.mysql
def test_caching_sha2_elsewhere_without_tls_and_without_a_known_key_is_refused_by_us(
    databases: Databases, sha2: int
) -> None:
    target = target_at(sha2, schema="", user="sha2", host=ELSEWHERE)
    error = refusal_of(databases.open(target, environ=PASSWORD))
    assert (error.reason, error.detail, error.code) == (
        Reason.ACCESS_DENIED,
        "auth_plugin",
        2061,
    )
    assert "public_key_file" in error.message


def test_a_public_key_that_cannot_be_used_names_its_file(
    databases: Databases, tmp_path: Path
) -> None:
    (tmp_path / "no.pem").write_text("not a key")
    for name, words in (
        (
            "none.pem",
            f"cannot read public_key_file {tmp_path}/none.pem: No such file or directory",
        ),
        ("no.pem", f"public_key_file {tmp_path}/no.pem holds no public key (PEM)"),
    ):
        tls = Tls("disabled", public_key_file=tmp_path / name)
        error = refusal_of(
            databases.open(target_at(free_port(), tls=tls), environ=PASSWORD)
        )
        assert (error.reason, error.detail, error.message) == (
            Reason.TARGET_DOWN,
            "tls",
            words,
        )


@pytest.mark.parametrize("plugin", [b"caching_sha2_password", b"sha256_password"])
@pytest.mark.parametrize("pinned", [False, True], ids=["unpinned", "pinned"])
def test_a_key_that_comes_over_the_wire_is_not_used(
    databases: Databases, tmp_path: Path, plugin: bytes, *, pinned: bool
) -> None:
    ours, theirs = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)
    )
    pems = [
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for key in (ours, theirs)
    ]
    (tmp_path / "server.pem").write_bytes(pems[0])
    received: list[bytes] = []

    def ask(client: socket.socket) -> None:
        client.sendall(greeting(plugin=plugin))
        received.append(read_packet(client))
        if plugin == b"sha256_password":
            client.sendall(packet(2, b"\x01" + pems[1]))
        else:
            client.sendall(packet(2, b"\x01\x04"))
            received.append(read_packet(client))
            client.sendall(packet(4, b"\x01" + pems[1]))
        received.append(read_packet(client))
        hold(client)

    with Listener(ask) as listener:
        tls = Tls(
            "disabled", public_key_file=tmp_path / "server.pem" if pinned else None
        )
        target = target_at(
            listener.port, tls=tls, host="127.0.0.1" if pinned else ELSEWHERE
        )
        refusal_of(
            databases.open(target, environ=PASSWORD, timeout=timedelta(seconds=0.5))
        )
        wait_until(lambda: listener.open_count == 0, "nothing stays open")
    oaep = padding.OAEP(
        mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None
    )
    for data in received:
        assert b"s3cret" not in data
        if len(data) == theirs.key_size // 8:
            with pytest.raises(ValueError, match="ecryption failed"):
                theirs.decrypt(data, oaep)


def test_a_method_whose_library_is_not_installed_is_named(databases: Databases) -> None:
    def ask_for_ed25519(client: socket.socket) -> None:
        client.sendall(greeting())
        read_packet(client)
        client.sendall(packet(2, b"\xfeclient_ed25519\0" + bytes(32)))
        hold(client)

    with Listener(ask_for_ed25519) as listener:
        error = refusal_of(databases.open(target_at(listener.port), environ=PASSWORD))
    assert (error.reason, error.detail) == (Reason.ACCESS_DENIED, "auth_plugin")
    assert "pynacl" in error.message.lower()


def connections_of(server: PrivateServer) -> int:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Connections'")
        ((_, count),) = cursor.fetchall()
        return int(count)


@pytest.mark.parametrize(
    "password",
    ["", "pässwörd 🪙", 'it\'s \\ "x"'],
    ids=["empty", "not latin", "quotes"],
)
def test_any_password_is_sent_as_utf8(
    databases: Databases,
    server: PrivateServer,
    server_schema: str,
    account: str,
    password: str,
) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER USER {account}@'%%' IDENTIFIED BY %s", (password,))
    target = target_of_account(server, server_schema, account)
    assert fetch(
        databases.open(target, environ={"PASSWORD": password}), "SELECT 1 AS one"
    ).rows == ((1,),)


def test_a_password_that_cannot_be_read_names_its_source(
    databases: Databases, mariadb: PrivateMariaDB, tmp_path: Path
) -> None:
    missing, folder = (
        PasswordSource(file=tmp_path / "none"),
        PasswordSource(file=tmp_path),
    )
    for source, words in (
        (missing, f"password_file: {tmp_path}/none: No such file or directory"),
        (folder, f"password_file: {tmp_path}: is no regular file"),
        (
            PasswordSource(env="NOT_SET"),
            "password_env: the variable NOT_SET is not set",
        ),
    ):
        error = refusal_of(
            databases.open(target_for(mariadb, password=source), environ={})
        )
        assert (error.reason, error.detail, error.message) == (
            Reason.ACCESS_DENIED,
            "password",
            words,
        )


def test_an_unknown_database_is_access_denied(
    databases: Databases, server: PrivateServer
) -> None:
    assert verdict_on(databases.open(target_for(server, schema="nowhere"))) == (
        Reason.ACCESS_DENIED,
        "database",
        1049,
    )


def test_a_database_of_others_is_access_denied(
    databases: Databases, server: PrivateServer, account: str
) -> None:
    target = target_for(
        server, schema="mysql", user=account, password=PasswordSource(env="PASSWORD")
    )
    assert verdict_on(databases.open(target, environ=PASSWORD)) == (
        Reason.ACCESS_DENIED,
        "database",
        1044,
    )


def test_too_many_connections_are_capacity(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    held = []
    port = own_mariadb.port or 0
    try:
        # the 11th of a user without SUPER is one too many
        run_as_root(own_mariadb, "CREATE USER small@'127.0.0.1' IDENTIFIED BY 's3cret'")
        target = target_at(port, schema="", user="small", max_connections=1)
        for _ in range(10):
            lease = databases.open(target, environ=PASSWORD).lease(deadline_seconds=20)
            lease.__enter__()
            held.append(lease)
        run_as_root(own_mariadb, "SET GLOBAL max_connections = 10")
        assert verdict_on(databases.open(target, environ=PASSWORD)) == (
            Reason.TARGET_DOWN,
            "full",
            1040,
        )
    finally:
        for lease in held:
            lease.__exit__(None, None, None)


def test_a_closed_port_is_refused(databases: Databases) -> None:
    assert verdict_on(databases.open(target_at(free_port()), environ=PASSWORD)) == (
        Reason.TARGET_DOWN,
        "refused",
        None,
    )


def test_a_socket_that_is_not_there_is_unreachable(
    databases: Databases, tmp_path: Path
) -> None:
    target = Target("main", "root", "app", Tls("disabled"), unix_socket=tmp_path / "s")
    assert verdict_on(databases.open(target)) == (
        Reason.TARGET_DOWN,
        "unreachable",
        None,
    )


def test_an_unknown_host_is_dns(databases: Databases) -> None:
    database = databases.open(target_at(3306, host="db.invalid"), environ=PASSWORD)
    assert verdict_on(database)[:2] == (Reason.TARGET_DOWN, "dns")


def test_the_name_is_looked_up_again_at_each_connect(watchdog: Watchdog) -> None:
    def serve(client: socket.socket) -> None:
        serve_session(client, lambda _sql: None)

    with Listener(serve) as before, Listener(serve) as after:
        leads_to = [before.port]

        def lookup(*_name: object, **options: int) -> list[tuple[Any, ...]]:
            if options["flags"]:
                raise socket.gaierror(socket.EAI_NONAME, "not a number")
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", leads_to[0]))
            ]

        target = target_at(3306, host="db.test")
        timeout = timedelta(seconds=5)
        connector = Connector(
            target,
            secrets=SecretReader(PASSWORD),
            watchdog=watchdog,
            timeout=timeout,
            lookup=lookup,
        )
        connector.open().close()
        leads_to[0] = after.port
        connector.open().close()
        assert (before.accepted, after.accepted) == (1, 1)


def hold(client: socket.socket) -> None:
    while client.recv(4096):
        pass


def trickle_greeting(client: socket.socket) -> None:
    for byte in greeting():
        client.sendall(bytes([byte]))
        time.sleep(0.1)


def hang_up(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_RDWR)


def speak_http(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    hold(client)


def block_host(client: socket.socket) -> None:
    client.sendall(
        error_packet(0, 1129, "Host 'x' is blocked because of many connection errors")
    )
    hold(client)


def greet_and_be_silent(client: socket.socket) -> None:
    client.sendall(greeting())
    hold(client)


def hang_up_after_greeting(client: socket.socket) -> None:
    client.sendall(greeting())
    read_packet(client)
    client.shutdown(socket.SHUT_RDWR)


def send_half_a_greeting(client: socket.socket) -> None:
    client.sendall(packet(0, b"\x0a5.5"))
    hold(client)


def announce_16_megabytes(client: socket.socket) -> None:
    client.sendall(b"\xfe\xff\xff\x00")
    hold(client)


@pytest.mark.parametrize(
    ("talk", "seconds", "reason", "detail"),
    [
        (hold, 3, Reason.TARGET_DOWN, "no_greeting"),
        (trickle_greeting, 3, Reason.TARGET_DOWN, "no_greeting"),
        (hang_up, 15, Reason.TARGET_DOWN, "no_greeting"),
        (block_host, 15, Reason.TARGET_DOWN, "host_blocked"),
        (greet_and_be_silent, 3, Reason.TARGET_DOWN, "unreachable"),
        (hang_up_after_greeting, 15, Reason.TARGET_DOWN, "lost"),
        (speak_http, 15, Reason.INTERNAL, "protocol"),
        (send_half_a_greeting, 15, Reason.INTERNAL, "protocol"),
        (announce_16_megabytes, 15, Reason.INTERNAL, "protocol"),
    ],
)
def test_a_server_that_does_not_let_us_in_is_bounded_and_named(
    databases: Databases, talk: object, seconds: float, reason: Reason, detail: str
) -> None:
    assert callable(talk)
    with Listener(talk) as listener:
        timeout = timedelta(seconds=seconds)
        database = databases.open(
            target_at(listener.port), environ=PASSWORD, timeout=timeout
        )
        started = time.monotonic()
        assert verdict_on(database)[:2] == (reason, detail)
        assert time.monotonic() - started < 7, "the greeting in drops would take eight"
        wait_until(lambda: listener.open_count == 0, "nothing stays open")


def test_failures_leave_no_descriptor_open(databases: Databases) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    for talk in (hang_up, speak_http, hang_up_after_greeting, hold):
        with Listener(talk) as listener:
            target = target_at(listener.port)
            database = databases.open(
                target, environ=PASSWORD, timeout=timedelta(seconds=0.1)
            )
            verdict_on(database)
            wait_until(
                lambda listener=listener: listener.open_count == 0,  # type: ignore[misc]
                "the far end is done",
            )
            before = count()
            for _ in range(5):
                verdict_on(database)
            wait_until(
                lambda listener=listener: listener.open_count == 0,  # type: ignore[misc]
                "the far end is done",
            )
            wait_until(
                lambda before=before: count() == before,  # type: ignore[misc]
                f"no more are open: {talk}",
            )


def test_without_a_thread_for_a_deadline_or_a_lookup_it_is_our_fault_and_heals(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    # the first needs no lookup, and so comes to the deadline
    for host in ("127.0.0.1", "localhost"):
        database = databases.open(
            target_at(own_mariadb.port or 0, host=host), environ=PASSWORD
        )
        with no_thread_to_be_had():
            error = refusal_of(database)
        assert (error.reason, error.detail) == (Reason.INTERNAL, "local")
        assert error.message == "can't start new thread"
        assert fetch(database, "SELECT 1 AS one").rows == ((1,),)
