"""Look up a target's addresses and open a socket to one of them, all within one deadline."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Lookup: TypeAlias = Callable[..., list[tuple[Any, ...]]]

# Linux: a lost peer is noticed after 10 + 3 × 5 s when idle, and 15 s when it does not acknowledge.
_SOCKET_OPTIONS = (
    ("TCP_NODELAY", 1),
    ("TCP_KEEPIDLE", 10),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 15_000),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, as `socket.connect` wants it."""

    family: socket.AddressFamily
    where: tuple[Any, ...] | str


def unix_address(path: Path) -> tuple[Address, ...]:
    """Return the address of a unix socket."""
    return (Address(socket.AF_UNIX, str(path)),)


class Resolver:
    """Look a host up within a bound, and remember its last good addresses.

    The system's resolver knows no deadline (a silent name server costs 10 s and more), so that it
    runs in a thread of its own; at most one lookup is under way.
    """

    def __init__(
        self, host: str, port: int, *, lookup: Lookup = socket.getaddrinfo
    ) -> None:
        self._host = host
        self._port = port
        self._lookup = lookup
        self._changed = threading.Condition()
        self._is_running = False
        self._round = 0
        self._known: tuple[Address, ...] = ()
        self._error: OSError | None = None

    def addresses(self, *, seconds: float) -> tuple[Address, ...]:
        """Return the addresses; the last good ones if the lookup fails, is slow or has no thread.

        With none at all socket.gaierror, and OSError (ENOMEM) where there is no thread to be had.
        """
        with contextlib.suppress(socket.gaierror):
            return self._find(socket.AI_NUMERICHOST)
        with self._changed:
            round_before = self._round
            if not self._is_running:
                try:
                    threading.Thread(
                        target=self._look_up, name=f"resolve-{self._host}", daemon=True
                    ).start()
                except RuntimeError as error:
                    if self._known:
                        return self._known
                    raise OSError(errno.ENOMEM, str(error)) from None
                # it cannot end before: for that it needs our lock
                self._is_running = True
            answered = self._changed.wait_for(
                lambda: self._round > round_before, seconds
            )
            if self._known:
                return self._known
            if answered and self._error is not None:
                raise self._error
        raise socket.gaierror(
            socket.EAI_AGAIN, f"no answer from the name server within {seconds:g} s"
        )

    def _look_up(self) -> None:
        found: tuple[Address, ...] = ()
        error: OSError | None = None
        try:
            found = self._find(0)
        except OSError as failed:
            error = failed
        except UnicodeError:
            error = socket.gaierror(socket.EAI_NONAME, "not a host name")
        finally:
            with self._changed:
                self._is_running = False
                self._round += 1
                self._known = found or self._known
                self._error = error
                self._changed.notify_all()

    def _find(self, flags: int) -> tuple[Address, ...]:
        found = self._lookup(
            self._host, self._port, type=socket.SOCK_STREAM, flags=flags
        )
        return tuple(
            dict.fromkeys(Address(family, where) for family, _, _, _, where in found)
        )


def dial(
    addresses: tuple[Address, ...], *, deadline: float
) -> tuple[socket.socket, Address]:
    """Open a socket to the first address that answers; OSError of the last one if none does.

    `deadline` is an instant of `time.monotonic`; each address has its share of what is left.
    """
    failed: OSError = TimeoutError("no time left to connect")
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        share = (deadline - time.monotonic()) / left
        if share <= 0:
            break
        opened = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            opened.settimeout(share)
            _prepare(opened)
            opened.connect(address.where)
        except OSError as error:
            opened.close()
            failed = error
        except BaseException:
            opened.close()
            raise
        else:
            return opened, address
    raise failed


def _prepare(opened: socket.socket) -> None:
    if opened.family == socket.AF_UNIX:
        return
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _SOCKET_OPTIONS:
        option = getattr(socket, name, None)
        if option is not None:
            opened.setsockopt(socket.IPPROTO_TCP, option, value)
