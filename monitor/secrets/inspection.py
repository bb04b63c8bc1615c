"""Look at the files that a configuration names, for what else shows only when they are used."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import assert_never

from monitor.model.certificates import SOON
from monitor.model.settings import Config
from monitor.model.targets import NamedFile, Tls, of_different_files
from monitor.model.wording import utc_minute
from monitor.secrets.certificates import validity
from monitor.secrets.file_faults import FileFault, ReadFile, mode_faults, secret_faults
from monitor.secrets.key_pairs import PassphraseError, load_authorities, load_key_pair


def inspect_files(config: Config, read: ReadFile, now: datetime) -> Iterator[FileFault]:
    """Look at every file with a secret or a certificate; nothing of what they hold is in the texts.

    `now` is an aware UTC datetime, against which certificates are checked.
    """
    for target in of_different_files(config.targets):
        section = f"targets.{target.name}"
        yield from _of_files(target.files(), section, read, now)
        yield from _of_key_pair(f"{section}.tls", target.tls, now)
    for receiver in config.receivers:
        section = f"receivers.{receiver.name}"
        yield from _of_files(receiver.settings.files(), section, read, now)
    for section, settings in (
        ("heartbeat", config.heartbeat),
        ("http_sd", config.http_sd),
    ):
        if settings is not None:
            yield from _of_files(settings.files(), section, read, now)


def _of_files(
    files: Iterable[NamedFile], section: str, read: ReadFile, now: datetime
) -> Iterator[FileFault]:
    """Look at all files of one section."""
    for file in files:
        yield from _of_file(file, section, read, now)


def _of_file(
    file: NamedFile, section: str, read: ReadFile, now: datetime
) -> Iterator[FileFault]:
    """Look at one file by what it must hold; `section` is where the configuration names it."""
    file = replace(file, key=f"{section}.{file.key}")
    match file.holds:
        case "secret" | "password":
            yield from secret_faults(file, read)
        case "certificates":
            yield from _of_certificates(file, now)
        case _:
            assert_never(file.holds)


def _of_key_pair(key: str, tls: Tls, now: datetime) -> Iterator[FileFault]:
    """Look at our own certificate and its key, which are of use together only."""
    cert_file, key_file = tls.cert_file, tls.key_file
    if cert_file is None or key_file is None:
        return
    load = partial(load_key_pair, cert_file=cert_file, key_file=key_file)
    fault = _unusable(key, load)
    if fault is not None:
        yield fault
        return
    yield from mode_faults(f"{key}.key_file", key_file)
    # The first one is ours; those behind it are of who signed it.
    ours = list(validity(cert_file))[:1]
    yield from _of_dates(f"{key}.cert_file: {cert_file}", ours, now)


def _of_certificates(file: NamedFile, now: datetime) -> Iterator[FileFault]:
    """Find what is wrong with the certificates of those whom we trust."""
    fault = _unusable(file.key, partial(load_authorities, file=file.path))
    if fault is not None:
        yield fault
        return
    dates = validity(file.path)
    yield from _of_dates(f"{file.key}: {file.path}", dates, now)


def _unusable(key: str, load: Callable[[ssl.SSLContext], None]) -> FileFault | None:
    """Try to load files; that one is not there is not certain to stay so."""
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except PassphraseError as error:
        return FileFault(f"{key}: {error}", is_certain=True)
    except OSError as error:
        is_certain = error.errno == ssl.SSL_ERROR_SSL
        return FileFault(f"{key}: {error}", is_certain)
    return None


def _of_dates(
    place: str, dates: Iterable[tuple[datetime, datetime]], now: datetime
) -> Iterator[FileFault]:
    """Find where none of the certificates is valid now, or none will be in two weeks."""
    begins, ends = zip(*dates, strict=True)
    first, last = min(begins), max(ends)
    cases = (
        (last <= now, f"expired at {utc_minute(last)}"),
        (first > now, f"is valid from {utc_minute(first)} on only"),
        (last <= now + SOON, f"expires at {utc_minute(last)}"),
    )
    for is_so, what in cases:
        if is_so:
            yield FileFault(f"{place}: {what}", is_certain=last <= now)
            return
