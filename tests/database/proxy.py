"""Far ends of the driver that misbehave: a TCP proxy before a real server, and servers of our own."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

Talk = Callable[[socket.socket], None]
Rewrite = Callable[[bytes], bytes]


class Listener:
    """A TCP server on a free port of loopback; each connection has a thread that talks on it."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self.accepted = 0
        self._closing = threading.Event()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def open_count(self) -> int:
        """Return how many clients are connected now."""
        with self._lock:
            return len(self._open)

    @property
    def is_refusing(self) -> bool:
        """Return whether the port is closed."""
        return self._closing.is_set()

    def clients(self) -> tuple[socket.socket, ...]:
        """Return the connections that are open now."""
        with self._lock:
            return tuple(self._open)

    def has_comers(self) -> bool:
        """Return whether somebody has connected and was not taken on yet."""
        return _can_be_read(self._listening)

    def drop_all(self, *, with_reset: bool = False) -> None:
        """Close every connection, with a FIN or with an RST."""
        with self._lock:
            for client in self._open:
                if with_reset:
                    client.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                    client.close()
                else:
                    _shut(client)

    def refuse(self) -> None:
        """Close the port: whoever comes is refused."""
        self._closing.set()
        _shut(self._listening)
        self._accepting.join(5)
        self._listening.close()

    def listen(self) -> None:
        """Open the same port again."""
        self._closing.clear()
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Stop listening, drop everyone, wait for the threads."""
        self.refuse()
        self.drop_all()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        listening = self._listening
        listening.setblocking(False)
        poll = select.poll()
        poll.register(listening, select.POLLIN)
        while not self._closing.is_set():
            poll.poll(1000)
            # under the lock, so that whoever is no comer any more is among the clients
            with self._lock:
                try:
                    client, _ = listening.accept()
                except BlockingIOError:
                    continue
                except OSError:
                    return
                self._open.add(client)
                self.accepted += 1
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._talk(client)
        with self._lock:
            self._open.discard(client)
            client.close()


class Proxy:
    """Passes bytes between clients and a real server on loopback, as badly as it is asked to."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._frozen = threading.Event()
        self.trickle_seconds = 0.0
        """Above 0: the server's bytes go on one at a time, this far apart."""
        self.trickle_from_bytes = 0
        """Only what comes in one piece of at least so many trickles: rows, and not what a login says."""
        self.from_client: Rewrite | None = None
        """Changes what a client sends, packet by packet."""
        self.from_server: Rewrite | None = None
        """Changes what the server sends, as it comes."""
        self.instead: Talk | None = None
        """Talks to new clients in the server's place."""
        self.turns_away = 0
        """Above 0: one in so many new clients is dropped before it hears a word."""
        self._comers = itertools.count()
        self._stranded: set[socket.socket] = set()
        self._passing: set[threading.Thread] = set()
        self.listener = Listener(self._carry)
        self.port = self.listener.port

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.thaw()
        self.listener.close()

    def freeze(self) -> None:
        """Become a black hole: connections stay open, nothing passes."""
        self._frozen.set()

    def thaw(self) -> None:
        """Pass bytes again."""
        self._frozen.clear()

    def is_quiet(self) -> bool:
        """Return whether the server has all that its clients sent; they must be sending nothing now."""
        return (
            not self.listener.has_comers()
            and not any(map(_can_be_read, self.listener.clients()))
            and not self._passing
        )

    def strand(self) -> None:
        """Leave the clients of now half open: nothing comes from the server, not even its end."""
        self._stranded = set(self.listener.clients())

    def heal(self) -> None:
        """Be a good proxy again; connections are dropped if it was not."""
        faults = (
            self.trickle_seconds,
            self.from_client,
            self.from_server,
            self.instead,
            self._stranded,
        )
        was_good = (
            not any(faults)
            and not self.turns_away
            and not self._frozen.is_set()
            and not self.listener.is_refusing
        )
        if was_good:
            return
        self.thaw()
        self.trickle_seconds = 0.0
        self.trickle_from_bytes = 0
        self.turns_away = 0
        self.from_client = self.from_server = self.instead = None
        self._stranded = set()
        self.listener.drop_all()
        if self.listener.is_refusing:
            self.listener.listen()

    def _carry(self, client: socket.socket) -> None:
        if self.instead is not None:
            self.instead(client)
            return
        if self.turns_away and next(self._comers) % self.turns_away == 0:
            return
        with socket.create_connection(("127.0.0.1", self._server_port)) as server:
            back = threading.Thread(
                target=self._pump, args=(server, client, self._to_client), daemon=True
            )
            back.start()
            self._pump(client, server, self._to_server)
            while client in self._stranded and _receive(client):
                pass
            back.join(5)

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        pass_on: Callable[[bytes, socket.socket], None],
    ) -> None:
        with contextlib.suppress(OSError):
            while self._pass(source, sink, pass_on):
                pass
        if sink in self._stranded:
            return
        if source not in self._stranded:
            _shut(source)
        _shut(sink)

    def _pass(
        self,
        source: socket.socket,
        sink: socket.socket,
        pass_on: Callable[[bytes, socket.socket], None],
    ) -> bool:
        _wait_for(source)
        # before it is read: what is under way is in the socket, or is known to be
        self._passing.add(threading.current_thread())
        try:
            data = source.recv(65536)
            while data and self._frozen.is_set():
                time.sleep(0.01)
            if data:
                pass_on(data, sink)
            return bool(data)
        finally:
            self._passing.discard(threading.current_thread())

    def _to_server(self, data: bytes, server: socket.socket) -> None:
        # a command fits into one packet, and comes whole; what is encrypted does not look like one
        if (
            self.from_client is not None
            and int.from_bytes(data[:3], "little") == len(data) - 4
        ):
            data = packet(data[3], self.from_client(data[4:]))
        server.sendall(data)

    def _to_client(self, data: bytes, client: socket.socket) -> None:
        if client in self._stranded:
            return
        if self.from_server is not None:
            data = self.from_server(data)
        if not self.trickle_seconds or len(data) < self.trickle_from_bytes:
            client.sendall(data)
            return
        for byte in data:
            client.sendall(bytes([byte]))
            time.sleep(self.trickle_seconds)


def _receive(source: socket.socket) -> bytes:
    _wait_for(source)
    return source.recv(65536)


def _wait_for(source: socket.socket) -> None:
    # In a blocking recv the socket would outlive its close, and an RST would not be sent.
    poll = select.poll()
    try:
        poll.register(source, select.POLLIN)
    except ValueError:  # it has just been closed
        raise ConnectionAbortedError from None
    while not poll.poll(20):
        if source.fileno() < 0:
            raise ConnectionAbortedError


def _can_be_read(opened: socket.socket) -> bool:
    poll = select.poll()
    with contextlib.suppress(ValueError):  # it was closed meanwhile
        poll.register(opened, select.POLLIN)
    return bool(poll.poll(0))


def packet(number: int, payload: bytes) -> bytes:
    """Frame a payload as a packet of the protocol."""
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def greeting(
    *, plugin: bytes = b"mysql_native_password", with_tls: bool = False
) -> bytes:
    """Make a server's greeting, protocol 10."""
    # LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH
    capabilities = (
        0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000 | (0x800 if with_tls else 0)
    )
    return packet(
        0,
        b"\x0a8.0.99-rogue\0"
        + (7).to_bytes(4, "little")
        + b"abcdefgh\0"
        + (capabilities & 0xFFFF).to_bytes(2, "little")
        + b"\x2d\x02\x00"
        + (capabilities >> 16).to_bytes(2, "little")
        + bytes([21])
        + bytes(10)
        + b"ijklmnopqrst\0"
        + plugin
        + b"\0",
    )


def ok_packet(number: int) -> bytes:
    """Make the answer OK, autocommit on."""
    return packet(number, b"\0\0\0\x02\0\0\0")


def error_packet(number: int, code: int, words: str) -> bytes:
    """Make an error answer."""
    return packet(
        number, b"\xff" + code.to_bytes(2, "little") + b"#HY000" + words.encode()
    )


def text_row(number: int, *cells: str) -> bytes:
    """Make a row of short texts."""
    return packet(
        number, b"".join(bytes([len(cell)]) + cell.encode() for cell in cells)
    )


def result_packets(
    columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]
) -> bytes:
    """Make a whole text result."""
    numbers = itertools.count(1)
    sent = packet(next(numbers), bytes([len(columns)]))
    for name in columns:
        names = b"\x03def\0\0\0" + bytes([len(name)]) + name.encode() + b"\0"
        sent += packet(
            next(numbers), names + b"\x0c" + struct.pack("<HIBHBxx", 45, 100, 253, 0, 0)
        )
    sent += packet(next(numbers), b"\xfe\0\0\x02\0")
    for row in rows:
        sent += text_row(next(numbers), *row)
    return sent + packet(next(numbers), b"\xfe\0\0\x02\0")


def read_packet(client: socket.socket) -> bytes:
    """Read one packet's payload; OSError when the client is gone."""
    head = _read(client, 4)
    return _read(client, int.from_bytes(head[:3], "little"))


def log_in(client: socket.socket) -> None:
    """Greet a client and let it in, whoever it is."""
    client.sendall(greeting())
    read_packet(client)
    client.sendall(ok_packet(2))


def serve_session(
    client: socket.socket,
    answer: Callable[[str], bytes | None],
    *,
    is_away: threading.Event | None = None,
) -> None:
    """Log a client in, answer what our own session asks at its start, and its queries by `answer`.

    `answer` gives None for what the server should take as any setting. While the server behind a proxy
    `is_away`, it is asked who the server is, too.
    """
    log_in(client)
    while True:
        sql = read_packet(client)[1:].decode(errors="replace")
        if sql.startswith("SELECT VERSION()") and not (is_away and is_away.is_set()):
            row = ("8.0.99", "MySQL", "rogue", "0")
            client.sendall(result_packets(("a", "b", "c", "d"), (row,)))
        else:
            client.sendall(answer(sql) or ok_packet(1))


def _read(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data


def _shut(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
