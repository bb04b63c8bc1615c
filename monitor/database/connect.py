"""Open connections to a target: the one place that lets the driver connect, within one deadline."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NoReturn

import pymysql
from pymysql.cursors import SSCursor

from monitor.database.address import Address, Lookup, Resolver, dial, unix_address
from monitor.database.backoff import CircuitBreaker, LoginBackoff
from monitor.database.connection import Connection, Refusal, SocketHandle
from monitor.database.credentials import (
    certificates_of,
    read_password,
    read_public_key,
    tls_context,
)
from monitor.database.dialect import IDENTIFY, IDENTIFY_BARELY, flavor_of
from monitor.database.driver import DriverConnection
from monitor.database.driver_errors import (
    connect_failure_of,
    socket_failure_of,
)
from monitor.database.replication import is_on
from monitor.database.session_setup import SessionSetup
from monitor.model.errors import Reason, TargetError
from monitor.model.hosts import is_loopback
from monitor.model.results import Server
from monitor.model.targets import Target
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Alarm, Watchdog

# These would hand the password, or as good as that, to whoever answers on the target's port.
_UNSAFE_PLUGINS = ("mysql_clear_password", "dialog", "mysql_old_password")
# What a handshake with TLS needs on a slow network.
_MIN_SECONDS = 1.0
# So that after a name server that is silent there is time for the last good addresses.
_DNS_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class _ConnectAttempt:
    """How one attempt to connect is made: where to (None: any of the target's addresses), and for how long."""

    address: Address | None
    seconds: float
    is_prepared: bool
    """Whether the session is set up as well."""


class Connector:
    """Opens connections to one target; thread-safe, remembers good addresses and refused passwords.

    Whoever gets a connection owns it. `timeout` bounds one attempt, from the name's look-up to the session.
    """

    def __init__(
        self,
        target: Target,
        *,
        secrets: SecretReader,
        watchdog: Watchdog,
        timeout: timedelta,
        lookup: Lookup = socket.getaddrinfo,
    ) -> None:
        self._target = target
        self._secrets = secrets
        self._watchdog = watchdog
        self._seconds = timeout.total_seconds()
        self._login_backoff = LoginBackoff()
        self._breaker = CircuitBreaker()
        self._setup = SessionSetup(session=target.session)
        self._resolver = Resolver(
            target.host or "localhost", target.port, lookup=lookup
        )

    def open(self, at_most: timedelta | None = None) -> Connection:
        """Connect, log in and prepare the session; TargetError within the timeout if that fails.

        `at_most` shortens the timeout, though not below what a handshake needs on a slow network.
        """
        seconds = self._seconds
        if at_most is not None:
            seconds = min(seconds, max(_MIN_SECONDS, at_most.total_seconds()))
        self._breaker.check()
        try:
            connection = self._open(_ConnectAttempt(None, seconds, is_prepared=True))
        except TargetError as error:
            self._breaker.note(error)
            raise
        self._breaker.reset()
        return connection

    def note_failure(self, error: TargetError) -> None:
        """Note that a connection was of no use after all: for a second this is everybody's answer."""
        self._breaker.note(error)

    def open_bare(self, address: Address, *, seconds: float) -> Connection:
        """Connect to exactly this address and log in, no more: for KILL."""
        return self._open(_ConnectAttempt(address, seconds, is_prepared=False))

    def _open(self, attempt: _ConnectAttempt) -> Connection:
        password = read_password(self._target.password, self._secrets)
        until_seconds = time.monotonic() + attempt.seconds
        try:
            return self._open_with(password, attempt)
        except TargetError as error:
            if error.detail != "login":
                raise
            # Changed on the server and then in the file, while we were on our way.
            fresh = read_password(self._target.password, self._secrets)
            if fresh == password:
                raise
        left_seconds = max(_MIN_SECONDS, until_seconds - time.monotonic())
        return self._open_with(fresh, replace(attempt, seconds=left_seconds))

    def _open_with(self, password: bytes, attempt: _ConnectAttempt) -> Connection:
        deadline = time.monotonic() + attempt.seconds
        self._login_backoff.check(password)
        context = tls_context(self._target.tls)
        public_key = read_public_key(self._target.tls)
        try:
            opened, reached = dial(self._addresses(attempt), deadline=deadline)
        except OSError as error:
            raise socket_failure_of(error) from None
        driver = self._driver(password, context, public_key, attempt.seconds)
        if reached.family == socket.AF_UNIX:
            driver.trust_transport()
        elif public_key is None and is_loopback(self._target.host or ""):
            driver.trust_any_key()
        try:
            connection = self._enter(driver, opened, reached, attempt, deadline)
        except TargetError as error:
            self._login_backoff.note(password, error)
            raise
        self._login_backoff.reset()
        return connection

    def _addresses(self, attempt: _ConnectAttempt) -> tuple[Address, ...]:
        if attempt.address is not None:
            return (attempt.address,)
        if self._target.unix_socket is not None:
            return unix_address(self._target.unix_socket)
        return self._resolver.addresses(seconds=attempt.seconds * _DNS_SHARE)

    def _driver(
        self,
        password: bytes,
        context: ssl.SSLContext | None,
        public_key: bytes | None,
        seconds: float,
    ) -> DriverConnection:
        return DriverConnection(
            user=self._target.user,
            password=password,
            host=self._target.host or "localhost",
            port=self._target.port,
            database=self._target.database or None,
            defer_connect=True,
            charset="utf8mb4",
            cursorclass=SSCursor,
            # An idle connection with an open transaction would hold up ALTER TABLE, and all behind it
            # (measured: a SELECT waited 7.5 s).
            autocommit=True,
            local_infile=False,
            program_name="token-monitor",
            # All three: the first covers TCP only, the greeting is under the second, TLS under the third
            # (measured). Each is of one read; the whole is bounded by the alarm in `_enter`.
            connect_timeout=seconds,
            read_timeout=seconds,
            write_timeout=seconds,
            auth_plugin_map=dict.fromkeys(_UNSAFE_PLUGINS, _refuse_plugin),
            ssl=context,
            ssl_disabled=context is None,
            server_public_key=public_key,
        )

    def _enter(
        self,
        driver: DriverConnection,
        opened: socket.socket,
        address: Address,
        attempt: _ConnectAttempt,
        deadline: float,
    ) -> Connection:
        connection: Connection | None = None
        failure: TargetError | None = None
        handle, alarm = self._watched(opened, deadline, is_tls=driver.uses_tls)
        with alarm:
            try:
                driver.connect(opened)
                connection = Connection(driver, handle, address)
                if attempt.is_prepared:
                    self._setup.apply(connection, identify(connection))
                    shown = certificates_of(driver.peer_certificate(), self._target.tls)
                    connection.server = replace(connection.server, certificates=shown)
            # The driver raises much that is none of its own errors: struct.error, IndexError, AssertionError
            # for a malformed packet, RuntimeError for a method that lacks a library.
            except Exception as error:  # noqa: BLE001
                failure = connect_failure_of(
                    error,
                    greeted=driver.was_greeted(),
                    was_cut=alarm.rang,
                    seconds=attempt.seconds,
                )
            except BaseException:
                _discard(connection, opened, handle)
                raise
        if failure is None and connection is not None and not alarm.rang:
            return connection
        _discard(connection, opened, handle)
        raise failure or TargetError(
            Reason.TARGET_DOWN, "no answer in time", detail="unreachable"
        )

    def _watched(
        self, opened: socket.socket, deadline: float, *, is_tls: bool
    ) -> tuple[SocketHandle, Alarm]:
        """Return a second hold on a socket, and the alarm that shuts the connection down at the deadline."""
        handle: SocketHandle | None = None
        try:
            handle = SocketHandle(opened, is_tls=is_tls)
            remaining = max(deadline - time.monotonic(), 0.0)
            return handle, self._watchdog.after(remaining, handle.shut)
        except (OSError, RuntimeError) as error:  # no descriptor, no thread to be had
            for one in (opened, handle):
                if one is not None:
                    one.close()
            words = getattr(error, "strerror", None) or str(error)
            raise TargetError(Reason.INTERNAL, words, detail="local") from None


def identify(connection: Connection) -> str:
    """Read what the server is into `connection.server`; return its comment on its version."""
    rows = connection.attempt(lambda: connection.execute(IDENTIFY))
    if isinstance(rows, Refusal):
        rows = connection.execute(IDENTIFY_BARELY)
    version, comment, hostname, read_only = rows[0]
    # a server may be configured to give another version than its own; the greeting has its own as well
    flavor = flavor_of(f"{version} {connection.driver.server_version}", str(comment))
    connection.server = Server(
        flavor,
        str(version),
        str(hostname),
        None if read_only is None else is_on(read_only),
    )
    return str(comment)


def _refuse_plugin(connection: object) -> NoReturn:
    # As the clients of MySQL call it: CR_AUTH_PLUGIN_ERR.
    raise pymysql.OperationalError(
        2061,
        "the server asks for the password by an unsafe method (clear text); refused",
    )


def _discard(
    connection: Connection | None, opened: socket.socket, handle: SocketHandle
) -> None:
    if connection is not None:
        connection.in_order = False
        connection.close()
    handle.close()
    opened.close()
