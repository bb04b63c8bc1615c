"""Load certificates and private keys; what cannot be used is said with its file, and nobody is ever asked.

Without a callback OpenSSL asks for a passphrase on the terminal, and waits: at the start and at each renewal.
"""

from __future__ import annotations

import ssl
import stat
from pathlib import Path
from typing import NoReturn

from monitor.secrets.certificates import validity

_MISMATCHES = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")


class PassphraseError(ValueError):
    """The key has a passphrase: no other attempt would change that."""


def load_key_pair(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    """Load our certificate and its key into a context; OSError, in words with the file, where one is no use.

    PassphraseError where the key has one.
    """
    for file in (cert_file, key_file):
        _check_readable(file)
    try:
        context.load_cert_chain(cert_file, key_file, password=_refuse)
    except PassphraseError:
        what = f"the key is protected by a passphrase, for which nobody is asked; {_WITHOUT}"
        raise PassphraseError(f"{key_file}: {what}") from None
    except ssl.SSLError as error:
        raise _refusal(_fault_of_pair(error, cert_file, key_file)) from None


def _fault_of_pair(error: ssl.SSLError, cert_file: Path, key_file: Path) -> str:
    """Return what is wrong with which of the two; OpenSSL names neither."""
    if error.reason in _MISMATCHES:
        return f"{key_file}: is not the key of the certificate in {cert_file}"
    if _holds_certificate(cert_file):
        return f"{key_file}: holds no private key (PEM) that can be used"
    return f"{cert_file}: holds no certificate (PEM) that can be used"


def load_authorities(context: ssl.SSLContext, file: Path) -> None:
    """Load the authorities that a context trusts; OSError, in words with the file, where it has none."""
    _check_readable(file)
    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        raise _refusal(
            f"{file}: holds no certificates (PEM) that can be used"
        ) from None


_WITHOUT = "write it without one: openssl pkey -in KEY -out NEW"


def _refuse() -> NoReturn:
    raise PassphraseError


def _check_readable(file: Path) -> None:
    """OpenSSL says that a file is not there, but not which; in a pipe it would wait for who writes."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise _refusal(f"{file}: is no regular file")
        file.open("rb").close()
    except ssl.SSLError:
        raise
    except OSError as error:
        raise _refusal(f"{file}: {error.strerror}", error) from None


def _refusal(text: str, cause: OSError | None = None) -> OSError:
    number = cause.errno if cause is not None and cause.errno else ssl.SSL_ERROR_SSL
    return ssl.SSLError(number, text)


def _holds_certificate(file: Path) -> bool:
    try:
        return bool(list(validity(file)))
    except (OSError, ValueError):
        return False
