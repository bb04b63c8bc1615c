"""A server that speaks MySQL's protocol and answers from a list: a thousand targets without a thousand servers.

In a thread of a test (`MySQLStub`), or in a process of its own with its own CPU: `python -m
tests.support.mysql_stub --port N` takes one command a line (`stats`, `silence N`, `stop`) and answers in JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

VERSION = "10.11.6-MariaDB"

Value = str | int | None

_CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000
_AUTOCOMMIT = 0x2
_UTF8MB4, _BINARY = 45, 63
_LONGLONG, _VAR_STRING = 8, 253
_QUIT, _INIT_DB, _QUERY, _PING = 1, 2, 3, 14
_GREETING_SALT = b"12345678" + b"123456789012"

_ASSIGNMENT = re.compile(r"(\w+) = ('[^']*'|[^,]+)")
_FLEET_QUERY = re.compile(r"/\* q(\d+) \*/")
_BESIDE_SESSION: Mapping[str, Value] = {
    "VERSION()": VERSION,
    "@@version_comment": "stub",
    "@@hostname": "stub",
    "@@read_only": 0,
    "@@innodb_read_only": 0,
    "@@tx_read_only": 1,
}
_DEFAULTS: Mapping[str, Value] = {"timestamp": 0, "system_versioning_asof": "DEFAULT"}


def packet(payload: bytes, number: int) -> bytes:
    """Return one packet of the protocol."""
    return struct.pack("<I", len(payload))[:3] + bytes((number,)) + payload


def answer_ok(number: int = 1) -> bytes:
    """Return the answer of what gives no rows."""
    return packet(b"\0\0\0" + struct.pack("<HH", _AUTOCOMMIT, 0), number)


def answer_error(code: int, message: str, number: int = 1) -> bytes:
    """Return a refusal."""
    return packet(
        b"\xff" + struct.pack("<H", code) + b"#HY000" + message.encode(), number
    )


def answer_rows(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """Return a table; a column is one of numbers where its first cell is one."""
    rows = list(rows)
    end = b"\xfe" + struct.pack("<HH", 0, _AUTOCOMMIT)
    payloads = [bytes((len(columns),))]
    for place, name in enumerate(columns):
        is_number = bool(rows) and isinstance(rows[0][place], int)
        payloads.append(_described(name, is_number=is_number))
    payloads.append(end)
    payloads += [b"".join(_cell(cell) for cell in row) for row in rows]
    payloads.append(end)
    numbered = enumerate(payloads, 1)
    return b"".join(packet(payload, number & 0xFF) for number, payload in numbered)


def _described(name: str, *, is_number: bool) -> bytes:
    kind, charset = (_LONGLONG, _BINARY) if is_number else (_VAR_STRING, _UTF8MB4)
    named = b"".join(
        _text(part) for part in (b"def", b"", b"", b"", name.encode(), b"")
    )
    return named + struct.pack("<BHIBHBH", 12, charset, 255, kind, 0, 0, 0)


def _text(data: bytes) -> bytes:
    if len(data) < 251:
        return bytes((len(data),)) + data
    return b"\xfc" + struct.pack("<H", len(data)) + data


def _cell(cell: Value) -> bytes:
    return b"\xfb" if cell is None else _text(str(cell).encode())


def expressions(select_list: str) -> list[str]:
    """Return the expressions of a SELECT without a FROM, split at the commas outside of brackets."""
    parts, depth, part = [], 0, ""
    for character in select_list.removesuffix(" LIMIT 1"):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append(part.strip())
            part = ""
        else:
            part += character
    return [*parts, part.strip()]


@dataclass
class Account:
    """What one account did: an account for each target tells them apart."""

    open_now: int = 0
    most_open: int = 0
    running_now: int = 0
    most_running: int = 0
    logins: int = 0


@dataclass
class Observed:
    """What came to the stub."""

    accounts: dict[str, Account] = field(default_factory=dict)
    statements: Counter[str] = field(default_factory=Counter)
    arrivals: list[tuple[str, int, float]] = field(default_factory=list)
    """Account, number of the query, Unix time."""


class MySQLStub:
    """Answers on a port of the loopback in a thread of its own; an account that `is_silent` gets no answer."""

    def __init__(self, *, answer_seconds: float = 0.0) -> None:
        self.observed = Observed()
        self.answer_seconds = answer_seconds
        """How long each query takes."""
        self.silent: set[str] = set()
        """Accounts that get no answer, from now on, on whichever connection."""
        self.port = 0
        self.sessions: set[_Session] = set()
        """What is open."""
        self._server: asyncio.Server | None = None
        self._values: dict[str, Value] = dict(_DEFAULTS)
        self._known: dict[str, bytes] = {}
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self, port: int = 0) -> MySQLStub:
        """Begin to listen; returns itself."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.listen(port), self.loop).result(10)
        return self

    async def listen(self, port: int) -> None:
        """Listen on a port of the loopback, any that is free for 0."""
        self._server = await self.loop.create_server(
            lambda: _Session(self), "127.0.0.1", port, backlog=4096
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Close everything."""
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for session in tuple(self.sessions):
            session.transport.abort()
        # Their sockets are closed by what runs next in the loop.
        while self.sessions:
            await asyncio.sleep(0)

    def account(self, name: str) -> Account:
        """Return what an account did."""
        return self.observed.accounts.setdefault(name, Account())

    def answer_to(self, sql: str) -> bytes:
        """Return the answer to a statement."""
        known = self._known.get(sql)
        if known is None:
            known = self._made(sql)
            # Those with the time or a changing limit in them are few.
            self._known[sql] = known
        return known

    def _made(self, sql: str) -> bytes:
        if sql.startswith("SET "):
            for name, value in _ASSIGNMENT.findall(sql):
                self._values[name] = value.strip("'")
            return answer_ok()
        if _FLEET_QUERY.search(sql):
            rows = [("basic", 120), ("pro", 34), ("team", 5)]
            return answer_rows(("plan", "subscribers"), rows)
        if sql.startswith("SHOW GRANTS"):
            return answer_rows(("Grants",), [("GRANT SELECT ON `app`.* TO `m`@`%`",)])
        if sql.startswith("SHOW "):
            return answer_rows(("Name",), [])
        if sql.startswith("SELECT ") and " FROM " not in sql:
            asked = expressions(sql.removeprefix("SELECT "))
            return answer_rows(asked, [[self._value_of(one) for one in asked]])
        return answer_error(1146, f"Table 'app.{sql[:20]}' doesn't exist")

    def _value_of(self, expression: str) -> Value:
        if expression in _BESIDE_SESSION:
            return _BESIDE_SESSION[expression]
        if expression.startswith("UTC_TIMESTAMP"):
            return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
        if expression.startswith("@@SESSION.max_error_count >"):
            return 1
        if expression.startswith("CONCAT_WS("):
            return "as it was"
        name = expression.removeprefix("@@SESSION.")
        if name in self._values:
            return self._values[name]
        if "system_time_zone" in expression:
            return "UTC"
        return 0 if expression.startswith(("ABS(", "TIMESTAMPDIFF")) else ""


class _Session(asyncio.Protocol):
    """One connection: greeting, login, and then statements."""

    def __init__(self, stub: MySQLStub) -> None:
        self._stub = stub
        self._received = b""
        self._name = ""
        self._account: Account | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._stub.sessions.add(self)
        greeting = b"\x0a" + VERSION.encode() + b"\0"
        greeting += (
            struct.pack("<I", id(self) & 0x7FFFFFFF) + _GREETING_SALT[:8] + b"\0"
        )
        greeting += struct.pack("<H", _CAPABILITIES & 0xFFFF) + bytes((_UTF8MB4,))
        greeting += struct.pack("<HH", _AUTOCOMMIT, _CAPABILITIES >> 16) + bytes((21,))
        greeting += bytes(10) + _GREETING_SALT[8:] + b"\0" + b"mysql_native_password\0"
        self._send(packet(greeting, 0))

    def connection_lost(self, _error: Exception | None) -> None:
        self._stub.sessions.discard(self)
        if self._account is not None:
            self._account.open_now -= 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= 4:
            length = int.from_bytes(self._received[:3], "little")
            if len(self._received) < 4 + length:
                return
            payload = self._received[4 : 4 + length]
            self._received = self._received[4 + length :]
            self._take(payload)

    def _take(self, payload: bytes) -> None:
        if self._account is None:
            self._log_in(payload)
        elif self._name in self._stub.silent:
            return
        elif payload[0] == _QUIT:
            self.transport.close()
        elif payload[0] in (_INIT_DB, _PING):
            self._stub.observed.statements["COM_INIT_DB"] += 1
            self._send(answer_ok())
        elif payload[0] == _QUERY:
            self._query(payload[1:].decode())
        else:
            self._send(answer_error(1047, "Unknown command"))

    def _log_in(self, payload: bytes) -> None:
        self._name = payload[32 : payload.index(b"\0", 32)].decode()
        if self._name in self._stub.silent:
            return
        account = self._account = self._stub.account(self._name)
        account.logins += 1
        account.open_now += 1
        account.most_open = max(account.most_open, account.open_now)
        self._send(answer_ok(2))

    def _query(self, sql: str) -> None:
        stub, account = self._stub, self._account
        found = _FLEET_QUERY.search(sql)
        stub.observed.statements[sql if found is None else "query"] += 1
        if sql.startswith("SELECT UTC_TIMESTAMP"):
            self._send(stub._made(sql))
            return
        answer = stub.answer_to(sql)
        if found is None or account is None:
            self._send(answer)
            return
        stub.observed.arrivals.append((self._name, int(found[1]), time.time()))
        if not stub.answer_seconds:
            self._send(answer)
            return
        account.running_now += 1
        account.most_running = max(account.most_running, account.running_now)
        stub.loop.call_later(stub.answer_seconds, self._end, answer)

    def _end(self, answer: bytes) -> None:
        if self._account is not None:
            self._account.running_now -= 1
        if self._name not in self._stub.silent:
            self._send(answer)

    def _send(self, data: bytes) -> None:
        self.transport.write(data)


def _tell(facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until standard input ends, and answer its commands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    stub = MySQLStub().start(parser.parse_args().port)
    _tell({"port": stub.port})
    for line in sys.stdin:
        word, *names = line.split()
        if word == "stop":
            return
        if word == "silence":
            stub.silent = set(names)
        arrivals = list(stub.observed.arrivals)
        accounts = tuple(stub.observed.accounts.values())
        told = {
            "arrivals": arrivals if word == "arrivals" else len(arrivals),
            "statements": dict(stub.observed.statements),
            "open": sum(one.open_now for one in accounts),
            "logins": sum(one.logins for one in accounts),
            "most_open": max((one.most_open for one in accounts), default=0),
        }
        if word == "stats":
            stub.observed.statements.clear()
        _tell(told)


if __name__ == "__main__":
    main()
