"""One open connection to a server: bounded, cut from another thread, proven and abandoned; lent by the pool."""

from __future__ import annotations

import contextlib
import io
import math
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import pymysql

from monitor.database.address import Address
from monitor.database.dialect import FIRST_STATEMENT_LIMIT, Dialect, dialect_of
from monitor.database.driver import DriverConnection
from monitor.database.driver_errors import is_answer_error
from monitor.model.results import Server
from monitor.model.settings import Flavor
from monitor.model.targets import UTC_ZONE

# The pool cuts sooner (2 s); this is for a server that sends a byte now and then.
_ALIVE_SECONDS = 5.0
# The proof of a session's variables has some hundred bytes.
_ALIVE_BYTES = 1 << 16

_Answer = TypeVar("_Answer")

# A name may lead elsewhere by then, and hosted servers cut old connections (PlanetScale: after 24 h).
_MAX_AGE_SECONDS = 3600.0
_AGE_SPREAD_SECONDS = 300
# Less than the session's wait_timeout (600), so that we are the ones who close.
_MAX_IDLE_SECONDS = 540.0


@dataclass(frozen=True, slots=True)
class ConnectionId:
    """Which thread on which server a connection is: what KILL needs to know."""

    thread_id: int
    address: Address
    hostname: str = ""
    flavor: Flavor = Flavor.MYSQL


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server's plain answer that it does not do or show something; after it the connection is in order."""

    message: str


class SocketHandle:
    """Our own hold on a socket that is the driver's, so that another thread can end every wait on it."""

    def __init__(self, opened: socket.socket, *, is_tls: bool) -> None:
        """Take hold; OSError where no descriptor is to be had."""
        self._socket = opened
        self._hold: io.RawIOBase | None = None
        if is_tls:
            # TLS detaches the socket that it is given; a duplicate of its descriptor still works (measured).
            self._socket = opened.dup()
        else:
            # A file on it keeps the descriptor until we close that, whatever the driver closes: one for each
            # connection, and nobody else's by the time that we shut it.
            self._hold = opened.makefile("rb", buffering=0)

    def shut(self) -> None:
        """Shut the socket down in both directions; one that is closed or lost already is not an error."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go; the socket is closed when the driver has let go too."""
        self._socket.close()
        if self._hold is not None:
            self._hold.close()


class Connection:
    """A connection that was let in, with its own handle on the socket for cutting it.

    For one thread at a time, whoever has it; only `cut` may be called from any.
    """

    def __init__(
        self, driver: DriverConnection, handle: SocketHandle, address: Address
    ) -> None:
        self.driver = driver
        self.address = address
        self.opened_at = time.monotonic()
        self.idle_since = self.opened_at
        self.in_order = True
        """Nothing is left unread or undecided; only such a connection may be used again."""
        self.was_cut = False
        self.server = Server(Flavor.MYSQL, "")
        self.statement_limit = FIRST_STATEMENT_LIMIT
        self.status_at = -math.inf
        """When the status in `server` was read, by time.monotonic."""
        self.status_questions: tuple[str, ...] | None = None
        self.replication_questions: tuple[str, ...] | None = None
        """What the server answers of what could be asked; None: not tried yet."""
        self.proof: dict[str, str] = {}
        """What to read of the session to prove that it is the one that was set up, by the variable's name."""
        self.proven: dict[str, object] = {}
        """The values that were read when it was set up, or when it was last changed by us."""
        self.time_zone = UTC_ZONE
        self._fingerprint: str | None = None
        """All that is proven as one text, by the server's words; None: not asked for since something changed."""
        self._fingerprint_sql = ""
        self._has_fingerprint = True
        self._handle = handle
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def identity(self) -> ConnectionId:
        """Return what names the connection for KILL."""
        return ConnectionId(
            self.driver.server_thread_id[0],
            self.address,
            self.server.hostname,
            self.server.flavor,
        )

    @property
    def dialect(self) -> Dialect:
        """Return how the server at the other end is spoken to."""
        return dialect_of(self.server.flavor)

    def is_alive(self) -> bool:
        """Return whether the server still answers on an idle connection, and in the session that was set up.

        Enters the database again, since a session keeps the rights on it that it had at its start: a REVOKE
        shows at the next run (docs/adr/0007). Behind a proxy the session may have become another client's,
        with other variables (docs/adr/0017).
        """
        self.in_order = False
        try:
            self.driver.expect_answer(seconds=_ALIVE_SECONDS, max_bytes=_ALIVE_BYTES)
            if self.driver.db:
                self.driver.select_db(self.driver.db)
            else:
                self.driver.ping(reconnect=False)
            is_ours = self._is_as_proven()
        # As everywhere, the driver may raise anything for a malformed answer.
        except Exception:  # noqa: BLE001
            return False
        self.in_order = not self.was_cut
        return self.in_order and is_ours

    def note_change(self, name: str, value: object) -> None:
        """Note that we changed a variable since; None where its value is not compared any more."""
        if name in self.proof:
            self._fingerprint, self._fingerprint_sql = None, ""
        if value is None:
            self.proof.pop(name, None)
            self.proven.pop(name, None)
        elif name in self.proof:
            self.proven[name] = value

    def _is_as_proven(self) -> bool:
        """Return whether each variable has the value that was proven.

        They are compared as one text: sixty columns cost five times what the query does that follows.
        """
        if not self.proof:
            return True
        if self._fingerprint is not None:
            return self._read_fingerprint() == self._fingerprint
        if self.read(self.proof) != self.proven:
            return False
        if self._has_fingerprint:
            self._fingerprint = self._read_fingerprint()
            # What refuses to make one text of them would refuse it each time.
            self._has_fingerprint = self._fingerprint is not None
        return True

    def _read_fingerprint(self) -> str | None:
        """Return the values of all variables as one text; None where the server does not make one of them."""
        if not self._fingerprint_sql:
            values = ", ".join(f"COALESCE({one}, '')" for one in self.proof.values())
            sql = f"SELECT CONCAT_WS('|', {values}) LIMIT 1"
            # Each connection keeps it: of a thousand it is the same text.
            self._fingerprint_sql = sys.intern(sql)
        rows = self.attempt(lambda: self.execute(self._fingerprint_sql))
        return None if isinstance(rows, Refusal) or not rows else str(rows[0][0])

    def is_expired(self) -> bool:
        """Return whether its time is over, as one that lives or as one that is idle."""
        now = time.monotonic()
        # spread, so that what was opened together is not renewed together
        oldest = (
            _MAX_AGE_SECONDS - self.driver.server_thread_id[0] % _AGE_SPREAD_SECONDS
        )
        return (
            now - self.opened_at >= oldest or now - self.idle_since >= _MAX_IDLE_SECONDS
        )

    def cut(self) -> None:
        """End every wait on the connection now; from any thread, never blocks."""
        with self._lock:
            if not self._is_closed:
                self.was_cut = True
                self._handle.shut()

    def execute(self, sql: str) -> tuple[tuple[object, ...], ...]:
        """Run a short statement of our own and return its rows; raises what the driver raises."""
        self.in_order = False
        with self.driver.cursor(pymysql.cursors.Cursor) as cursor:
            cursor.execute(sql)
            rows: tuple[tuple[object, ...], ...] = tuple(cursor.fetchall())
        self.in_order = True
        return rows

    def attempt(self, ask: Callable[[], _Answer]) -> _Answer | Refusal:
        """Return the answer to what a server may refuse, or its refusal; raises where the connection is lost."""
        try:
            return ask()
        except pymysql.MySQLError as error:
            if not is_answer_error(error):
                raise
            self.in_order = True
            return Refusal(str(error))

    def read(self, expressions: Mapping[str, str]) -> dict[str, object]:
        """Return the values of expressions by their names, in one round trip; {} where there is no row."""
        # LIMIT: an sql_select_limit of 0 would hide itself.
        rows = self.execute(f"SELECT {', '.join(expressions.values())} LIMIT 1")
        if not rows or len(rows[0]) != len(expressions):
            return {}
        return dict(zip(expressions, rows[0], strict=True))

    def table(self, sql: str) -> tuple[dict[str, object], ...]:
        """Run a short statement of our own and return its rows by the columns' names."""
        self.in_order = False
        with self.driver.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(sql)
            rows = tuple(cursor.fetchall())
        self.in_order = True
        return rows

    def close(self) -> None:
        """Close the connection, politely where it is in order."""
        if not self.in_order:
            # The driver would say goodbye first, and wait where what is unread holds up the server.
            self.cut()
        self.driver.forget_answer()
        with contextlib.suppress(pymysql.MySQLError, OSError):
            self.driver.close()
        with self._lock:
            self._is_closed = True
            self._handle.close()
