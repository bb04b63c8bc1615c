"""The time limit of one attempt: cuts a socket, whatever the other side does; used by all that sends."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

from monitor.model.errors import DeliveryError
from monitor.timing.deadlines import Watchdog

_SocketAddress: TypeAlias = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, Any
]
"""What `socket.getaddrinfo` gives."""

_NAMED: Final = (
    (TimeoutError, "timeout", "no answer in time"),
    (socket.gaierror, "dns", "the name cannot be resolved"),
    (ConnectionRefusedError, "refused", "connection refused"),
)
"""The errors of a socket that have a reason of their own, with it and its words."""


class DeadlineSocket:
    """Opens a socket and shuts it down at a deadline, by a twin of it: TLS takes the first one over.

    Time limits of sockets hold for each byte, so that an answer in drops never reaches them. Only a
    name look-up cannot be cut.
    """

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._lock = threading.Lock()
        self._twin: socket.socket | None = None
        self._deadline = 0.0
        self.is_over = False
        self.is_cut = False

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Cut what is connected if the body takes longer."""
        self.is_cut = self.is_over
        self._deadline = time.monotonic() + seconds
        try:
            alarm = self._watchdog.after(seconds, self._cut)
        except RuntimeError as error:
            # Without its alarm an attempt could last for ever.
            message = f"no time limit can be kept: {error}"
            raise DeliveryError("internal", message, recoverable=True) from None
        with alarm:
            yield

    def connect(self, host: str, port: int) -> socket.socket:
        """Connect to a host, within the time limit; OSError if none of its addresses answers."""
        try:
            return self.connect_to(
                socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except UnicodeError:
            raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from None

    def connect_to(self, addresses: Sequence[_SocketAddress]) -> socket.socket:
        """Connect to the first of these that answers, each with its share of the time that is left."""
        failure = OSError("no address")
        for position, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                seconds_left = self._deadline - time.monotonic()
                share = seconds_left / (len(addresses) - position)
                sock.settimeout(max(share, 0.001))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._watch(sock)
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
            else:
                # The alarm is the limit, of whatever is sent over it later too.
                sock.settimeout(None)
                return sock
        raise failure

    def failure(self, error: Exception, place: str) -> DeliveryError:
        """Return what was wrong with the connection to a place, in our words."""
        if self.is_over:
            reason, text = "network", "stopped before the answer"
        elif self.is_cut:
            reason, text = "timeout", "no answer in time"
        else:
            reason, text = _named(error)
        return DeliveryError(reason, f"{place}: {text}", recoverable=True)

    def cut_for_good(self) -> None:
        """Cut now, and everything that follows."""
        self.is_over = True
        self._cut()

    def release(self) -> None:
        """Let the socket go."""
        with self._lock:
            self._release()

    def _watch(self, sock: socket.socket) -> None:
        with self._lock:
            self._release()
            self._twin = sock.dup()
            if self.is_cut:
                raise TimeoutError

    def _cut(self) -> None:
        with self._lock:
            self.is_cut = True
            if self._twin is not None:
                with suppress(OSError):
                    self._twin.shutdown(socket.SHUT_RDWR)

    def _release(self) -> None:
        if self._twin is not None:
            self._twin.close()
            self._twin = None


def _named(error: Exception) -> tuple[str, str]:
    """Return the reason and the words for an error of a socket."""
    for kind, reason, words in _NAMED:
        if isinstance(error, kind):
            return reason, words
    if isinstance(error, ssl.SSLError):
        return "tls", getattr(error, "verify_message", "") or error.reason or "no TLS"
    return "network", getattr(error, "strerror", None) or type(error).__name__
