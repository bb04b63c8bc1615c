"""Listen: the socket that the HTTP server accepts from, with a bound on how many connections it holds."""

from __future__ import annotations

import errno
import socket
from collections import deque
from typing import Any

from monitor.model.errors import ListenError

MAX_CONNECTIONS = 256
"""More cost the file descriptors that the databases need; a scrape needs one."""
_BACKLOG = 128
"""Those that the kernel holds while the loop is busy; a scrape that is refused would be a gap in a graph."""
_UNREAD_MILLISECONDS = 20_000


class ListeningSocket(socket.socket):
    """A listening socket that cuts the oldest connection where one more would be too many.

    The oldest and not the newest: under an attack by silent connections a new scrape still gets through.
    """

    def __init__(self, family: int, *, max_connections: int = MAX_CONNECTIONS) -> None:
        super().__init__(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._max_connections = max_connections
        self._accepted: deque[socket.socket] = deque()
        self.cut = 0
        """How many connections were cut so far."""

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection; asyncio calls this whenever one is due."""
        connection, address = super().accept()
        # A client that takes nothing of its answer for so long is cut off by the kernel (Linux).
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            connection.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MILLISECONDS
            )
        if len(self._accepted) >= self._max_connections:
            self._accepted = deque(c for c in self._accepted if c.fileno() != -1)
        if len(self._accepted) >= self._max_connections:
            _cut(self._accepted.popleft())
            self.cut += 1
        self._accepted.append(connection)
        return connection, address

    def close_accepted(self) -> None:
        """Close what was accepted and nobody has closed, such as what nobody had taken over yet."""
        for connection in self._accepted:
            connection.close()
        self._accepted.clear()


def listen(host: str, port: int) -> ListeningSocket:
    """Bind and listen; ListenError says why that cannot be. Port 0 takes any that is free."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = ListeningSocket(family)
    except OSError as error:
        raise _refused(host, port, error) from error
    try:
        # Else a restart could not bind for a minute, while connections of before are in TIME_WAIT.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(host, port, error) from error
    listener.settimeout(0)  # asyncio wants it so
    return listener


def _refused(host: str, port: int, error: OSError) -> ListenError:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    message = f'cannot listen on {where}: {error.strerror or error}; change "listen" under [web]'
    # At boot an address, a name or a port may still come; a right does not.
    return ListenError(message, may_pass=error.errno not in (errno.EACCES, errno.EPERM))


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(
            socket.SHUT_RDWR
        )  # its owner reads an end of file, and closes it
    except OSError:
        return
