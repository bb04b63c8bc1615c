"""What a connection needs to be let in and to be safe: the password, read each time, and the TLS context."""

from __future__ import annotations

import ssl
from datetime import datetime

from monitor.model.certificates import Certificate, CertificateKind
from monitor.model.errors import Reason, SecretError, TargetError
from monitor.model.settings import PasswordSource, Tls
from monitor.secrets.certificates import end_of_certificate, end_of_certificate_in
from monitor.secrets.key_pairs import PassphraseError, load_authorities, load_key_pair
from monitor.secrets.reader import SecretReader

_LONGEST_KEY = 65_536


def read_password(source: PasswordSource | None, secrets: SecretReader) -> bytes:
    """Read the password from its file or variable; TargetError names the source, never the content."""
    if source is None:
        return b""
    try:
        return secrets.password(source)
    except SecretError as error:
        key = "password_env" if source.file is None else "password_file"
        raise TargetError(
            Reason.ACCESS_DENIED, f"{key}: {error}", detail="password"
        ) from None


def tls_context(tls: Tls) -> ssl.SSLContext | None:
    """Build the context of a TLS mode, None for disabled; TargetError if a file of it cannot be used.

    Not the driver's own: there `ssl_ca` alone verifies nothing, and `ssl_verify_identity` without
    `ssl_ca` does not look at the host's name.
    """
    if tls.mode == "disabled":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.mode == "verify_identity"
    context.verify_mode = ssl.CERT_NONE if tls.mode == "required" else ssl.CERT_REQUIRED
    try:
        if tls.ca_file is not None:
            load_authorities(context, tls.ca_file)
        elif context.verify_mode is ssl.CERT_REQUIRED:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if tls.cert_file is not None:
            load_key_pair(context, tls.cert_file, tls.key_file or tls.cert_file)
    except (OSError, PassphraseError) as error:
        raise TargetError(
            Reason.TARGET_DOWN, f"cannot use {error}", detail="tls"
        ) from None
    return context


def certificates_of(shown: bytes | None, tls: Tls) -> tuple[Certificate, ...]:
    """Return the certificate that the server showed and ours, where there are such, and when they end."""
    if shown is None:
        return ()
    found: list[tuple[CertificateKind, datetime | None]] = [
        ("server", end_of_certificate(shown))
    ]
    if tls.cert_file is not None:
        found.append(("client", end_of_certificate_in(tls.cert_file)))
    return tuple(
        Certificate(kind, ends_at) for kind, ends_at in found if ends_at is not None
    )


def read_public_key(tls: Tls) -> bytes | None:
    """Read the server's public key, None where none is given; TargetError if its file cannot be used."""
    if tls.public_key_file is None:
        return None
    try:
        with tls.public_key_file.open("rb") as file:
            key = file.read(_LONGEST_KEY)
    except OSError as error:
        words = f"cannot read public_key_file {tls.public_key_file}: {error.strerror}"
        raise TargetError(Reason.TARGET_DOWN, words, detail="tls") from None
    if b"BEGIN PUBLIC KEY" not in key:
        words = f"public_key_file {tls.public_key_file} holds no public key (PEM)"
        raise TargetError(Reason.TARGET_DOWN, words, detail="tls")
    return key
