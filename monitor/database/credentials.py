"""What a connection needs to be let in and to be safe: the password, read each time, and the TLS context."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from monitor.model.certificates import Certificate, CertificateKind
from monitor.model.errors import Reason, SecretError, TargetError
from monitor.model.targets import PasswordSource, Tls
from monitor.secrets.certificates import end_of_certificate, end_of_certificate_in
from monitor.secrets.key_pairs import PassphraseError, load_authorities, load_key_pair
from monitor.secrets.reader import SecretReader

# A key of 16 384 bits takes 3 KiB as PEM.
_MAX_KEY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Verification:
    """What TLS proves of the server: whether its certificate is looked at, and the host's name in it."""

    mode: ssl.VerifyMode
    is_host_checked: bool


VERIFICATION_BY_MODE: Mapping[str, Verification] = MappingProxyType(
    {
        "required": Verification(ssl.CERT_NONE, is_host_checked=False),
        "verify_ca": Verification(ssl.CERT_REQUIRED, is_host_checked=False),
        "verify_identity": Verification(ssl.CERT_REQUIRED, is_host_checked=True),
    }
)
"""For each mode of a target's `tls` but `disabled`; a test compares it with those that can be configured."""


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
    """Return the context of a TLS mode, None for disabled; TargetError if a file of it cannot be used.

    Not the driver's own: there `ssl_ca` alone verifies nothing, and `ssl_verify_identity` without
    `ssl_ca` does not look at the host's name (measured: PyMySQL 1.2.4).
    """
    if tls.mode == "disabled":
        return None
    verification = VERIFICATION_BY_MODE[tls.mode]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # In this order: a context that looks at the name cannot be set to verify nothing.
    context.check_hostname = verification.is_host_checked
    context.verify_mode = verification.mode
    try:
        _load_files(context, tls)
    except (OSError, PassphraseError) as error:
        raise _unusable(f"cannot use {error}") from None
    return context


def _load_files(context: ssl.SSLContext, tls: Tls) -> None:
    if tls.ca_file is not None:
        load_authorities(context, tls.ca_file)
    elif context.verify_mode is ssl.CERT_REQUIRED:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if tls.cert_file is not None:
        load_key_pair(context, tls.cert_file, tls.key_file or tls.cert_file)


def certificates_of(shown: bytes | None, tls: Tls) -> tuple[Certificate, ...]:
    """Return when the certificate that the server showed (DER) ends, and ours; () without TLS.

    One that does not say when it ends is left out.
    """
    if shown is None:
        return ()
    ends: dict[CertificateKind, datetime | None] = {"server": end_of_certificate(shown)}
    if tls.cert_file is not None:
        ends["client"] = end_of_certificate_in(tls.cert_file)
    return tuple(
        Certificate(kind, ends_at)
        for kind, ends_at in ends.items()
        if ends_at is not None
    )


def read_public_key(tls: Tls) -> bytes | None:
    """Read the server's public key, None where none is given; TargetError if its file cannot be used."""
    if tls.public_key_file is None:
        return None
    try:
        with tls.public_key_file.open("rb") as file:
            key = file.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise _unusable(
            f"cannot read public_key_file {tls.public_key_file}: {error.strerror}"
        ) from None
    if b"BEGIN PUBLIC KEY" not in key:
        raise _unusable(
            f"public_key_file {tls.public_key_file} holds no public key (PEM)"
        )
    return key


def _unusable(words: str) -> TargetError:
    return TargetError(Reason.TARGET_DOWN, words, detail="tls")
