"""Find what shows, before it is used, that a file does not hold the secret that it should."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from monitor.model.errors import SecretError
from monitor.model.targets import NamedFile

# Docker and Podman put secrets here, by default readable for all, and there is nobody else in a container.
_OF_CONTAINERS: Final = Path("/run/secrets")
_UTF16: Final = "is UTF-16; save it as UTF-8 without BOM"
_BYTE_ORDER_MARKS: Final = {
    b"\xef\xbb\xbf": "begins with a byte order mark, which counts; save it as UTF-8 without BOM",
    b"\xff\xfe": _UTF16,
    b"\xfe\xff": _UTF16,
}

ReadFile: TypeAlias = Callable[[Path], bytes]
"""Reads a file with a secret; SecretError says why it cannot be."""


@dataclass(frozen=True, slots=True)
class FileFault:
    """What is wrong with a file, and whether it is certain that it cannot work so."""

    text: str
    is_certain: bool = False


def secret_faults(file: NamedFile, read: ReadFile) -> Iterator[FileFault]:
    """Yield what is wrong with a secret or password; nothing of what it is in the texts."""
    try:
        content = read(file.path).removesuffix(b"\n").removesuffix(b"\r")
    except SecretError as error:
        yield FileFault(f"{file.key}: {error}")
        return
    place = f"{file.key}: {file.path}"
    yield from mode_faults(file.key, file.path)
    certain = _why_no_secret(content)
    if certain is not None:
        yield FileFault(f"{place}: {certain}", is_certain=True)
        return
    stripped = content.strip()
    if b"\n" in stripped:
        yield FileFault(f"{place}: has several lines, and all of them count")
    elif file.holds == "password" and content != stripped:
        yield FileFault(f"{place}: has blanks or empty lines around it, which count")


def _why_no_secret(content: bytes) -> str | None:
    """Return why this can be nobody's secret, or None where it can."""
    if not content.strip():
        return "is empty"
    mark = _BYTE_ORDER_MARKS.get(content[:3])
    return mark or _BYTE_ORDER_MARKS.get(content[:2])


def mode_faults(key: str, path: Path) -> Iterator[FileFault]:
    """Note a file with a secret that everybody can read."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return  # it has just been read; whatever it is now is noted at its use
    is_open = bool(mode & stat.S_IROTH)
    if is_open and not path.is_relative_to(_OF_CONTAINERS):
        what = f"its mode, {mode:04o}, lets everybody on this machine read it"
        yield FileFault(f"{key}: {path}: {what}; chmod o= it")
