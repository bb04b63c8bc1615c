"""Read secrets from their files and variables, and report each before it is used; below the edges."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from monitor.model.errors import SecretError
from monitor.model.targets import PasswordSource
from monitor.secrets.redaction import in_address, in_header

OnRead: TypeAlias = Callable[[str, Iterable[str]], None]
"""Takes the place that was read and what of its content must be hidden; by any thread, must not raise."""

_MAX_BYTES: Final = 4096
"""More is not a password, key or address: the file of something else."""
_DISK_SECONDS: Final = 3
"""How long a disk, or a file server, may take: what waits is a connection or a delivery."""


def _ignore(_place: str, _secrets: Iterable[str]) -> None:
    return


@dataclass(frozen=True, slots=True)
class SecretReader:
    """Reads at each call, so that what is rotated needs no restart; SecretError names place and cause only.

    `on_read` hears of every secret before the caller has it: nothing is used that is not hidden.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    on_read: OnRead = _ignore
    _disk: SecretDisk = field(
        default_factory=lambda: SecretDisk(), repr=False, compare=False
    )

    def password(self, source: PasswordSource) -> bytes:
        """Read it as it stands, only without one line end behind it; it may be empty."""
        content = self._content(source)
        # White space around it may be all that distinguishes the hidden text from the shown, so it is not part of it.
        self._report(source, [content.decode(errors="replace").strip()])
        return content

    def text(self, source: PasswordSource) -> str:
        """Read a key or token, without the white space around it."""
        text = self._text(source)
        self._report(source, [text])
        return text

    def header(self, path: Path) -> str:
        """Read the value of an HTTP header, without the white space around it."""
        source = PasswordSource(file=path)
        value = self._text(source)
        self._report(source, in_header(value))
        return value

    def address(
        self, path: Path, parts: Callable[[str], Iterable[str]] = in_address
    ) -> str:
        """Read an address that is a secret, without the white space around it; `parts` tells what of it to hide."""
        source = PasswordSource(file=path)
        address = self._text(source)
        self._report(source, parts(address))
        return address

    def _report(self, source: PasswordSource, secrets: Iterable[str]) -> None:
        self.on_read(_place(source), secrets)

    def _text(self, source: PasswordSource) -> str:
        try:
            text = self._content(source).decode().strip()
        except UnicodeDecodeError:
            raise SecretError(f"{_place(source)}: is no text") from None
        if text:
            return text
        raise SecretError(f"{_place(source)}: is empty")

    def _content(self, source: PasswordSource) -> bytes:
        if source.file is not None:
            return self._disk.read(source.file).removesuffix(b"\n").removesuffix(b"\r")
        value = self.environ.get(source.env or "")
        if value is None:
            raise SecretError(_not_set(source))
        return value.encode("utf-8", "surrogateescape")


class SecretDisk:
    """Reads files in a thread each, waits for so long and no longer, and asks none that still hangs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hanging: set[Path] = set()

    def read(self, path: Path) -> bytes:
        """Read a small file; SecretError says why it cannot be."""
        with self._lock:
            if path in self._hanging:
                raise _no_answer(path)
        outcomes: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
        try:
            threading.Thread(
                target=self._read, args=(path, outcomes), name="secret", daemon=True
            ).start()
        except RuntimeError:
            return _file(path)  # no thread can be had: most disks do not hang
        # In steps, so that a process that was itself stopped for long does not blame the disk.
        for _ in range(_DISK_SECONDS):
            with suppress(queue.Empty):
                return _given(outcomes.get(timeout=1))
        with self._lock:
            if outcomes.empty():
                self._hanging.add(path)
                raise _no_answer(path)
        return _given(outcomes.get())

    def _read(self, path: Path, outcomes: queue.SimpleQueue[bytes | Exception]) -> None:
        outcome: bytes | Exception
        try:
            outcome = _file(path)
        except Exception as error:  # noqa: BLE001  # raised by whoever asked
            outcome = error
        with self._lock:
            outcomes.put(outcome)
            self._hanging.discard(path)


def _no_answer(path: Path) -> SecretError:
    # Always in the same words, or each would be another error in the log.
    return SecretError(f"{path}: its disk does not answer")


def _given(outcome: bytes | Exception) -> bytes:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _file(path: Path) -> bytes:
    try:
        # A pipe would hold us up for as long as nobody writes.
        if path.exists() and not path.is_file():
            raise SecretError(f"{path}: is no regular file")
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SecretError(f"{path}: {error.strerror or type(error).__name__}") from None
    if len(content) > _MAX_BYTES:
        raise SecretError(f"{path}: has more than {_MAX_BYTES} bytes")
    return content


def _place(source: PasswordSource) -> str:
    return str(source.file) if source.file is not None else f"the variable {source.env}"


def _not_set(source: PasswordSource) -> str:
    return f"{_place(source)} is not set"
