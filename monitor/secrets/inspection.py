"""Look at the files that a configuration names, for what else shows only when they are used."""

from __future__ import annotations

import ssl
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias, assert_never

from monitor.model.certificates import SOON
from monitor.model.errors import SecretError
from monitor.model.settings import Config, PasswordSource, Receiver, Target, Tls
from monitor.model.wording import utc_minute
from monitor.secrets.certificates import validity
from monitor.secrets.key_pairs import PassphraseError, load_authorities, load_key_pair

# Docker and Podman put secrets here, by default readable for all, and there is nobody else in a container.
_OF_CONTAINERS = Path("/run/secrets")
_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "begins with a byte order mark, which counts; save it as UTF-8 without BOM",
    b"\xff\xfe": "is UTF-16; save it as UTF-8 without BOM",
    b"\xfe\xff": "is UTF-16; save it as UTF-8 without BOM",
}

Read: TypeAlias = Callable[[Path], bytes]
"""Reads a file with a secret; SecretError says why it cannot be."""


@dataclass(frozen=True, slots=True)
class FileFault:
    """What is wrong with a file, and whether it is certain that it cannot work so."""

    text: str
    is_certain: bool = False


def inspect_files(config: Config, read: Read, now: datetime) -> Iterator[FileFault]:
    """Look at every file with a secret or a certificate; nothing of what they hold is in the texts."""
    for target in config.targets:
        yield from _of_target(target, read, now)
    for receiver in config.receivers:
        yield from _of_receiver(receiver, read, now)
    if config.heartbeat is not None and config.heartbeat.url_file is not None:
        yield from _of_secret("heartbeat.url_file", config.heartbeat.url_file, read)


def _of_target(target: Target, read: Read, now: datetime) -> Iterator[FileFault]:
    place = f"targets.{target.name}"
    yield from _of_password(f"{place}.password_file", target.password, read)
    yield from _of_tls(f"{place}.tls", target.tls, now)


def _of_receiver(receiver: Receiver, read: Read, now: datetime) -> Iterator[FileFault]:
    for file in receiver.settings.files():
        place = f"receivers.{receiver.name}.{file.key}"
        match file.holds:
            case "secret":
                yield from _of_secret(place, file.path, read)
            case "password":
                yield from _of_secret(place, file.path, read, is_exact=True)
            case "certificates":
                yield from _of_authorities(place, file.path, now)
            case _:
                assert_never(file.holds)


def _of_password(
    place: str, source: PasswordSource | None, read: Read
) -> Iterator[FileFault]:
    if source is not None and source.file is not None:
        yield from _of_secret(place, source.file, read, is_exact=True)


def _of_secret(
    place: str, file: Path, read: Read, *, is_exact: bool = False
) -> Iterator[FileFault]:
    """`is_exact`: blanks around it count, as in a password."""
    try:
        content = read(file).removesuffix(b"\n").removesuffix(b"\r")
    except SecretError as error:
        yield FileFault(f"{place}: {error}")
        return
    yield from _of_mode(place, file)
    certain = _why_no_secret(content)
    if certain is not None:
        yield FileFault(f"{place}: {file}: {certain}", is_certain=True)
        return
    stripped = content.strip()
    if b"\n" in stripped:
        yield FileFault(f"{place}: {file}: has several lines, and all of them count")
    elif is_exact and content != stripped:
        yield FileFault(
            f"{place}: {file}: has blanks or empty lines around it, which count"
        )


def _why_no_secret(content: bytes) -> str | None:
    """Return why this can be nobody's secret, or None where it can."""
    for mark, what in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return what
    return None if content.strip() else "is empty"


def _of_mode(place: str, file: Path) -> Iterator[FileFault]:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return  # it has just been read; whatever it is now is told at its use
    if mode & stat.S_IROTH and not file.is_relative_to(_OF_CONTAINERS):
        what = (
            f"its mode, {mode:04o}, lets everybody on this machine read it; chmod o= it"
        )
        yield FileFault(f"{place}: {file}: {what}")


def _of_tls(place: str, tls: Tls, now: datetime) -> Iterator[FileFault]:
    if tls.ca_file is not None:
        yield from _of_authorities(f"{place}.ca_file", tls.ca_file, now)
    if tls.cert_file is not None and tls.key_file is not None:
        yield from _of_key_pair(place, tls.cert_file, tls.key_file, now)


def _of_key_pair(
    place: str, cert_file: Path, key_file: Path, now: datetime
) -> Iterator[FileFault]:
    fault = _unusable(
        place, lambda context: load_key_pair(context, cert_file, key_file)
    )
    if fault is not None:
        yield fault
        return
    yield from _of_mode(f"{place}.key_file", key_file)
    # The first one is ours; those behind it are of who signed it.
    yield from _of_dates(
        f"{place}.cert_file", cert_file, list(validity(cert_file))[:1], now
    )


def _of_authorities(place: str, file: Path, now: datetime) -> Iterator[FileFault]:
    fault = _unusable(place, lambda context: load_authorities(context, file))
    if fault is not None:
        yield fault
        return
    yield from _of_dates(place, file, validity(file), now)


def _unusable(place: str, load: Callable[[ssl.SSLContext], None]) -> FileFault | None:
    """Try to load files; that one is not there is not certain to stay so."""
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except PassphraseError as error:
        return FileFault(f"{place}: {error}", is_certain=True)
    except OSError as error:
        return FileFault(
            f"{place}: {error}", is_certain=error.errno == ssl.SSL_ERROR_SSL
        )
    return None


def _of_dates(
    place: str, file: Path, dates: Iterable[tuple[datetime, datetime]], now: datetime
) -> Iterator[FileFault]:
    """Find where none of the certificates is valid now, or none will be in two weeks."""
    begins, ends = zip(*dates, strict=True)
    first, last = min(begins), max(ends)
    if last <= now:
        yield FileFault(
            f"{place}: {file}: expired at {utc_minute(last)}", is_certain=True
        )
    elif first > now:
        yield FileFault(f"{place}: {file}: is valid from {utc_minute(first)} on only")
    elif last <= now + SOON:
        yield FileFault(f"{place}: {file}: expires at {utc_minute(last)}")
