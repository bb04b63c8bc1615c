"""Accept connections, each with the TLS that is in force now, for the HTTP protocol; end them when asked."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
import ssl
from collections.abc import Callable

from uvicorn.server import ServerState

from monitor.web.http_protocol import ANSWER_SECONDS, Http11
from monitor.web.listener import ListeningSocket

HANDSHAKE_SECONDS = 5.0
"""A handshake is two round trips and some milliseconds of a core; half-open ones cost memory."""
_BREATH_SECONDS = 1.0
"""Where there are no descriptors left accept fails again at once: without a pause it would burn a core."""
_LOOK_SECONDS = 0.02
_MANY_CUT = 100
_NO_MORE_TO_BE_HAD = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
)


class Connections:
    """Accepts from a listener until it is closed."""

    def __init__(
        self,
        listener: ListeningSocket,
        state: ServerState,
        protocol: Callable[[], Http11],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._listener = listener
        self._state = state
        self._protocol = protocol
        self._tls = tls
        self._entering: set[asyncio.Task[None]] = set()
        self._collected_at = 0

    async def accept(self) -> None:
        """Accept one connection after another, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                # Of a client that went away meanwhile there is nothing to wait for.
                await asyncio.sleep(
                    _BREATH_SECONDS if error.errno in _NO_MORE_TO_BE_HAD else 0
                )
                continue
            task = loop.create_task(self._enter(connection, self._tls))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)
            await asyncio.sleep(0)  # a flood of connections holds up no answer
            self._collect()

    def use(self, tls: ssl.SSLContext | None) -> None:
        """Begin new connections with this TLS; those of before end, each after what it was asked."""
        self._tls = tls
        self._end_each()

    def _end_each(self) -> None:
        """End every connection after what it was asked."""
        for protocol in list(self._state.connections):
            protocol.shutdown()

    async def close(self, grace_seconds: float) -> None:
        """Wait for the answers under way, but no longer than that, and cut the rest."""
        loop = asyncio.get_running_loop()
        for task in self._entering:
            task.cancel()
        self._end_each()
        ends_at = loop.time() + grace_seconds
        while (self._state.connections or self._state.tasks) and loop.time() < ends_at:
            await asyncio.sleep(_LOOK_SECONDS)
        for protocol in list(self._state.connections):
            protocol.transport.abort()
        await asyncio.sleep(0)  # for them to hear of it
        for request in list(self._state.tasks):
            request.cancel()
        await asyncio.sleep(0)

    async def _enter(
        self, connection: socket.socket, tls: ssl.SSLContext | None
    ) -> None:
        loop = asyncio.get_running_loop()
        # A client that breaks off, speaks no TLS, or cannot prove itself is not an event.
        with contextlib.suppress(OSError):
            # asyncio sets TCP_NODELAY by itself: an answer's last piece waits for no acknowledgement.
            if tls is None:
                await loop.connect_accepted_socket(self._protocol, connection)
                return
            _, protocol = await loop.connect_accepted_socket(
                self._protocol,
                connection,
                ssl=tls,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=ANSWER_SECONDS,
            )
            if tls is not self._tls:  # it has changed during the handshake
                protocol.shutdown()

    def _collect(self) -> None:
        """Free what many connections that were cut have left."""
        if self._listener.cut - self._collected_at >= _MANY_CUT:
            # An ended TLS connection is a cycle of few and large objects: the collector is in no hurry.
            self._collected_at = self._listener.cut
            gc.collect()
