"""One open connection: the driver's, made safe to bound, to cut from another thread and to abandon."""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pymysql
from pymysql.connections import Connection, MySQLResult
from pymysql.cursors import SSCursor

from monitor.database.address import Address
from monitor.database.column_types import WireField
from monitor.database.dialect import FIRST_STATEMENT_LIMIT
from monitor.model.results import Server
from monitor.model.settings import UTC_ZONE, Flavor

if TYPE_CHECKING:
    _Connection = Connection[SSCursor]
else:
    _Connection = Connection


_NO_KEY = (
    "the server wants the password without TLS, by a key that anybody could have made up; refused:"
    " use TLS, or give the server's key in tls as public_key_file"
)


# The pool cuts sooner; a proof has some hundred bytes.
_ALIVE_SECONDS = 5.0
_ALIVE_BYTES = 1 << 16


class AnswerTooLargeError(Exception):
    """An answer passed its limit of bytes; the rest of it was not read."""


class Wire(_Connection):
    """The driver's connection with a bound on each answer's bytes.

    All that we touch of the driver's inner parts (1.2.4) is in this class.
    """

    server_version: str
    server_thread_id: tuple[int]
    password: bytes
    _known_key: bytes | None
    _takes_any_key = False
    received_bytes = 0
    _allowed_bytes = 1 << 20
    _read_timeout: float | None
    _sock: object
    _result: MySQLResult | None

    def expect_answer(self, *, seconds: float, most_bytes: int) -> None:
        """Start counting an answer; `seconds` bounds each single read of it."""
        self.received_bytes = 0
        self._allowed_bytes = most_bytes
        self._read_timeout = seconds

    def trust_transport(self) -> None:
        """Say that nobody can listen: MySQL wants the password as it is on a unix socket, not RSA."""
        self._secure = True

    def trust_key(self) -> None:
        """Say that the key which the server sends may be used: it is on this machine."""
        self._takes_any_key = True

    @property
    def server_public_key(self) -> bytes | None:
        """Give the key that the password may be encrypted with; OperationalError where none is known.

        The driver would ask the server for it: whoever answers there could read the password by his own.
        """
        if self._known_key is None and self.password and not self._takes_any_key:
            raise pymysql.OperationalError(2061, _NO_KEY)
        return self._known_key

    @server_public_key.setter
    def server_public_key(self, key: bytes | None) -> None:
        # The first one comes from our own construction, every other from the server.
        if hasattr(self, "_known_key") and not self._takes_any_key:
            raise pymysql.OperationalError(2061, _NO_KEY)
        self._known_key = key

    def peer_certificate(self) -> bytes | None:
        """Return the certificate that the server showed (DER); None without TLS."""
        wrapped = self._sock
        return (
            wrapped.getpeercert(binary_form=True)
            if isinstance(wrapped, ssl.SSLSocket)
            else None
        )

    def was_greeted(self) -> bool:
        """Tell whether the server said hello, whole."""
        return hasattr(self, "server_version")

    def forget_answer(self) -> None:
        """Drop an unread answer, so that nothing drains it: of 3 M rows that took 4.4 s."""
        if self._result is not None:
            self._result.unbuffered_active = False
            self._result.has_next = False
            self._result.connection = None

    @property
    def answer_fields(self) -> tuple[WireField, ...]:
        """Return the descriptions of the answer's columns, with what the cursor's description leaves out."""
        fields: list[WireField] = getattr(
            self._result, "fields", []
        )  # not in the stubs
        return tuple(fields)

    @property
    def warning_count(self) -> int:
        """Return how many warnings the server counted for the answer that was read to its end."""
        return 0 if self._result is None else self._result.warning_count or 0

    def has_more_results(self) -> bool:
        """Tell whether another result follows the one that was read."""
        return self._result is not None and bool(self._result.has_next)

    def _read_bytes(self, num_bytes: int) -> bytes:
        # called with a packet's length before any of it is read: a cell of 1 GB costs nothing
        if self.received_bytes + num_bytes > self._allowed_bytes:
            raise AnswerTooLargeError
        data: bytes = super()._read_bytes(num_bytes)  # type: ignore[misc]  # not in the stubs
        self.received_bytes += len(data)
        return data


@dataclass(frozen=True, slots=True)
class Identity:
    """Which thread on which server a connection is: what KILL needs to know."""

    thread_id: int
    address: Address
    hostname: str = ""


class Link:
    """A connection that was let in, with its own handle on the socket for cutting it.

    TLS detaches the socket that the driver was given; a duplicate of its descriptor still works.
    """

    def __init__(self, wire: Wire, handle: socket.socket, address: Address) -> None:
        self.wire = wire
        self.address = address
        self.opened_at = time.monotonic()
        self.idle_since = self.opened_at
        self.in_order = True
        """Nothing is left unread or undecided; only such a link may be used again."""
        self.was_cut = False
        self.server = Server(Flavor.MYSQL, "")
        self.statement_limit = FIRST_STATEMENT_LIMIT
        self.status_at = -math.inf
        """When `server` was told how it stands, by time.monotonic."""
        self.status_questions: tuple[str, ...] | None = None
        self.replication_questions: tuple[str, ...] | None = None
        """What the server answers of what could be asked; None: not tried yet."""
        self.proof: dict[str, str] = {}
        """What to read of the session to prove that it is the one that was set up, by the variable's name."""
        self.proven: dict[str, object] = {}
        """The values that were read when it was set up, or when it was last changed by us."""
        self.time_zone = UTC_ZONE
        self._handle = handle
        self._lock = threading.Lock()
        self._closed = False

    @property
    def identity(self) -> Identity:
        """Name the connection for KILL."""
        return Identity(
            self.wire.server_thread_id[0], self.address, self.server.hostname
        )

    def is_alive(self) -> bool:
        """Return whether the server still answers on an idle connection, and in the session that was set up.

        Enters the database anew: else a session keeps the rights on it that it had at its start. Behind a
        proxy the session may have become another client's, with other variables.
        """
        self.in_order = False
        try:
            self.wire.expect_answer(seconds=_ALIVE_SECONDS, most_bytes=_ALIVE_BYTES)
            if self.wire.db:
                self.wire.select_db(self.wire.db)
            else:
                self.wire.ping(reconnect=False)
            is_ours = self._is_as_proven()
        # as everywhere, the driver may raise anything for a malformed answer
        except Exception:  # noqa: BLE001
            return False
        self.in_order = not self.was_cut
        return self.in_order and is_ours

    def note_change(self, name: str, value: object) -> None:
        """Take down that we changed a variable since; None where its value is not looked at any more."""
        if value is None:
            self.proof.pop(name, None)
            self.proven.pop(name, None)
        elif name in self.proof:
            self.proven[name] = value

    def _is_as_proven(self) -> bool:
        if not self.proof:
            return True
        return self.read(self.proof) == self.proven

    def cut(self) -> None:
        """Make every wait on the connection end now; from any thread, never blocks."""
        with self._lock:
            if not self._closed:
                self.was_cut = True
                shut(self._handle)

    def execute(self, sql: str) -> tuple[tuple[object, ...], ...]:
        """Run a short statement of our own and give its rows."""
        self.in_order = False
        with self.wire.cursor(pymysql.cursors.Cursor) as cursor:
            cursor.execute(sql)
            rows: tuple[tuple[object, ...], ...] = tuple(cursor.fetchall())
        self.in_order = True
        return rows

    def read(self, expressions: Mapping[str, str]) -> dict[str, object]:
        """Return the values of expressions by their names, in one round trip; {} where there is no row."""
        # LIMIT: an sql_select_limit of 0 would hide itself
        rows = self.execute(f"SELECT {', '.join(expressions.values())} LIMIT 1")
        if not rows or len(rows[0]) != len(expressions):
            return {}
        return dict(zip(expressions, rows[0], strict=True))

    def table(self, sql: str) -> tuple[dict[str, object], ...]:
        """Run a short statement of our own and give its rows by the columns' names."""
        self.in_order = False
        with self.wire.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(sql)
            rows = tuple(cursor.fetchall())
        self.in_order = True
        return rows

    def close(self) -> None:
        """Close the connection, politely where it is in order."""
        if not self.in_order:
            # the driver would try to say goodbye, and what is unread would hold the server
            self.cut()
        self.wire.forget_answer()
        with contextlib.suppress(pymysql.MySQLError, OSError):
            self.wire.close()
        with self._lock:
            self._closed = True
            self._handle.close()


def shut(handle: socket.socket) -> None:
    """Shut a socket down in both directions; one that is closed or lost already is no error."""
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
