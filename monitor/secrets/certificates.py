"""Read from when to when certificates are valid, from a file or as a server shows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

_OF_OPENSSL: Final = b"BEGIN TRUSTED CERTIFICATE"

_MAX_BYTES = 1 << 20


def end_of_certificate(data: bytes) -> datetime | None:
    """Return when a certificate ends (UTC), of PEM the first one; None when it cannot be read."""
    from cryptography import x509  # two megabytes: only who uses TLS pays for it

    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificate(data).not_valid_after_utc
        return x509.load_der_x509_certificate(data).not_valid_after_utc
    except (
        ValueError
    ):  # OpenSSL takes what the library does not; whether it serves is not decided here
        return None


def end_of_certificate_in(file: Path) -> datetime | None:
    """Return when the first certificate of a PEM file ends (UTC); None when it cannot be read."""
    try:
        with file.open("rb") as opened:
            return end_of_certificate(opened.read(_MAX_BYTES))
    except OSError:
        return None


def validity(file: Path) -> Iterator[tuple[datetime, datetime]]:
    """Read from when to when (UTC) each certificate of a PEM file is valid; ValueError without any.

    OpenSSL's own form, `TRUSTED CERTIFICATE`, is taken by it and not by who reads dates: they are not known then.
    """
    from cryptography import x509  # as above

    content = file.read_bytes()
    if _OF_OPENSSL in content:
        return
    for certificate in x509.load_pem_x509_certificates(content):
        yield certificate.not_valid_before_utc, certificate.not_valid_after_utc
