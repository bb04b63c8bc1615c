"""PyMySQL's connection with a bound on each answer: the one place that touches the driver's inner parts."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pymysql
from pymysql.connections import Connection, MySQLResult
from pymysql.cursors import SSCursor

from monitor.database.column_types import DriverField

if TYPE_CHECKING:
    _PyMySQLConnection = Connection[SSCursor]
else:
    _PyMySQLConnection = Connection


# CR_AUTH_PLUGIN_ERR of the client library, as the driver itself raises it.
_AUTH_PLUGIN_ERROR = 2061
_NO_KEY = (
    "the server wants the password without TLS, by a key that anybody could have made up; refused:"
    " use TLS, or give the server's key in tls as public_key_file"
)
# Enough for the greeting and the login, which come before the first `expect_answer`.
_LOGIN_BYTES = 1 << 20


class AnswerTooLargeError(Exception):
    """An answer passed its limit of bytes; the rest of it was not read."""


class DriverConnection(_PyMySQLConnection):
    """The driver's connection with a bound on each answer's bytes.

    All that we touch of the driver's inner parts (PyMySQL 1.2.4) is in this class. For one thread at a time.
    """

    server_version: str
    server_thread_id: tuple[int]
    password: bytes
    received_bytes = 0
    """Bytes read of the answer since the last `expect_answer`."""
    _allowed_bytes = _LOGIN_BYTES
    _known_key: bytes | None
    _takes_any_key = False
    # The driver's own, which its stubs leave out.
    _read_timeout: float | None
    _write_timeout: float | None
    _sock: object
    _result: MySQLResult | None

    def expect_answer(self, *, seconds: float, max_bytes: int) -> None:
        """Start counting an answer; one read of it takes at most `seconds`, or as long as one before was allowed.

        A server that sends a byte now and then passes every such bound (measured: 39.5 s with a timeout of 1 s,
        PyMySQL 1.2.4): the whole is always bounded by an alarm that cuts the connection. The socket's timeout stands
        behind that and only grows: each change of it is a call of the system, and lets go of the interpreter.
        """
        self.received_bytes = 0
        self._allowed_bytes = max_bytes
        if self._read_timeout is None or self._read_timeout < seconds:
            self._read_timeout = seconds
        # The same for what is sent: of two that differ the driver sets the socket's at each turn.
        self._write_timeout = self._read_timeout

    def trust_transport(self) -> None:
        """Note that nobody can listen: MySQL wants the password as it is on a unix socket, not by RSA."""
        self._secure = True

    def trust_any_key(self) -> None:
        """Note that the key which the server sends may be used: the server is on this machine."""
        self._takes_any_key = True

    @property
    def server_public_key(self) -> bytes | None:
        """Return the key that the password may be encrypted with; OperationalError where none is known.

        The driver would ask the server for it: whoever answers there could read the password by his own.
        """
        if self._known_key is None and self.password and not self._takes_any_key:
            raise pymysql.OperationalError(_AUTH_PLUGIN_ERROR, _NO_KEY)
        return self._known_key

    @server_public_key.setter
    def server_public_key(self, key: bytes | None) -> None:
        # The first one comes from our own construction, every other from the server.
        is_from_server = hasattr(self, "_known_key")
        if is_from_server and not self._takes_any_key:
            raise pymysql.OperationalError(_AUTH_PLUGIN_ERROR, _NO_KEY)
        self._known_key = key

    @property
    def uses_tls(self) -> bool:
        """Return whether it wraps the socket that it is given; decided when it is made."""
        return bool(self.ssl)

    def peer_certificate(self) -> bytes | None:
        """Return the certificate that the server showed (DER); None without TLS."""
        if isinstance(self._sock, ssl.SSLSocket):
            return self._sock.getpeercert(binary_form=True)
        return None

    def was_greeted(self) -> bool:
        """Return whether the server's greeting came, whole."""
        return hasattr(self, "server_version")

    def forget_answer(self) -> None:
        """Drop an unread answer, so that neither close() nor __del__ drains it: of 3 M rows that took 4.4 s."""
        if self._result is not None:
            self._result.unbuffered_active = False
            self._result.has_next = False
            self._result.connection = None

    @property
    def answer_fields(self) -> tuple[DriverField, ...]:
        """Return the descriptions of the answer's columns, with what the cursor's description leaves out."""
        fields: list[DriverField] = getattr(
            self._result, "fields", []
        )  # not in the stubs
        return tuple(fields)

    @property
    def warning_count(self) -> int:
        """Return how many warnings the server counted for the answer that was read to its end."""
        if self._result is None:
            return 0
        return self._result.warning_count or 0

    def has_more_results(self) -> bool:
        """Return whether another result follows the one that was read."""
        return self._result is not None and bool(self._result.has_next)

    def _read_bytes(self, num_bytes: int) -> bytes:
        # Called with a packet's length before any of it is read: a cell of 1 GB costs nothing.
        # Twice for each packet, so as little as may be: fewer bytes than asked for are an error to the driver.
        self.received_bytes += num_bytes
        if self.received_bytes > self._allowed_bytes:
            raise AnswerTooLargeError
        data: bytes = super()._read_bytes(num_bytes)  # type: ignore[misc]  # not in the stubs
        return data
