"""A name server of our own for one process: it answers, says that there is no such name, or is silent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TYPE_A = b"\0\1"
_SITE = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
# CLONE_NEWNS; MS_REC | MS_PRIVATE; MS_BIND
if (
    libc.unshare(0x20000)
    or libc.mount(None, b"/", None, 0x44000, None)
    or libc.mount(b"{resolv}", b"/etc/resolv.conf", None, 0x1000, None)
):
    raise OSError(ctypes.get_errno(), "no resolv.conf of its own")
"""
_SITE_WITHOUT_RIGHTS = """
import pathlib, socket, time
found = socket.getaddrinfo
def look_up(host, port, family=0, type=0, proto=0, flags=0):
    if flags & socket.AI_NUMERICHOST or host != "{name}":
        return found(host, port, family, type, proto, flags)
    answer = pathlib.Path("{answer}").read_text()
    if answer == "silent":
        time.sleep(2)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    if not answer:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [(socket.AF_INET, type, 6, "", (answer, port))]
socket.getaddrinfo = look_up
"""


class Names:
    """What the name leads to, for a process that is started with `environ`.

    With the rights for it the process has a resolv.conf of its own that names a real server, which is in
    this thread; without them its system resolver is replaced by one that does the same.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._answer = folder / "answer"
        self.be_silent()
        self._socket = _server_socket()
        (folder / "site").mkdir()
        site = _SITE_WITHOUT_RIGHTS.format(name=name, answer=self._answer)
        if self._socket is not None:
            resolv = folder / "resolv.conf"
            resolv.write_text(
                f"nameserver {self._socket.getsockname()[0]}\noptions timeout:2 attempts:1\n"
            )
            site = _SITE.format(resolv=resolv)
            threading.Thread(
                target=self._serve, args=(self._socket,), daemon=True
            ).start()
        (folder / "site" / "sitecustomize.py").write_text(site)
        self.environ = {"PYTHONPATH": os.fspath(folder / "site")}

    def be_silent(self) -> None:
        """Answer nothing from now on."""
        self._put("silent")

    def forget(self) -> None:
        """Answer that there is no such name."""
        self._put("")

    def lead_to(self, address: str) -> None:
        """Answer with this address."""
        self._put(address)

    def _put(self, answer: str) -> None:
        # whoever reads it meanwhile must not find the empty one
        new = self._answer.with_suffix(".new")
        new.write_text(answer)
        new.replace(self._answer)

    def close(self) -> None:
        """Stop answering."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def _serve(self, opened: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                question, asker = opened.recvfrom(512)
                answer = self._answer.read_text()
                if answer != "silent" and question:
                    opened.sendto(_reply(question, answer), asker)


@contextmanager
def naming(folder: Path, name: str) -> Iterator[Names]:
    """Run a name server, silent at first."""
    names = Names(folder, name)
    try:
        yield names
    finally:
        names.close()


def _reply(question: bytes, address: str) -> bytes:
    end = question.index(b"\0", 12) + 5
    asked, wants_address = question[12:end], question[end - 4 : end - 2] == _TYPE_A
    count = b"\0\1" if address and wants_address else b"\0\0"
    flags = b"\x81\x80" if address else b"\x81\x83"
    record = (
        b"\xc0\x0c"
        + _TYPE_A
        + b"\0\1"
        + bytes(4)
        + b"\0\4"
        + socket.inet_aton(address or "0.0.0.0")
    )
    head = question[:2] + flags + b"\0\1" + count + bytes(4)
    return head + asked + (record if count == b"\0\1" else b"")


def _server_socket() -> socket.socket | None:
    """Take port 53 of an address of loopback that is our own; None without the rights for all of it."""
    if not _may_have_its_own_mounts():
        return None
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.bind(
            (f"127.88.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250 + 1}", 53)
        )
    except OSError:
        opened.close()
        return None
    return opened


def _may_have_its_own_mounts() -> bool:
    child = os.fork() if os.geteuid() == 0 else -1
    if child == 0:
        os._exit(1 if ctypes.CDLL(None).unshare(0x20000) else 0)
    return child > 0 and os.waitpid(child, 0)[1] == 0
