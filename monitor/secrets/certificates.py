"""Read when a certificate ends, from a file or as a server shows it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

_MAX_BYTES = 1 << 20


def end_of_certificate(data: bytes) -> datetime | None:
    """Return when a certificate ends (UTC), of PEM the first one; None when it cannot be read."""
    from cryptography import x509  # two megabytes: only who uses TLS pays for it

    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificate(data).not_valid_after_utc
        return x509.load_der_x509_certificate(data).not_valid_after_utc
    except ValueError:  # OpenSSL takes what the library does not; whether it serves is not decided here
        return None


def end_of_certificate_in(file: Path) -> datetime | None:
    """Return when the first certificate of a PEM file ends (UTC); None when it cannot be read."""
    try:
        with file.open("rb") as opened:
            return end_of_certificate(opened.read(_MAX_BYTES))
    except OSError:
        return None
