"""Load certificates and private keys; what cannot be used is said with its file, and nobody is ever asked.

Without a callback OpenSSL asks for a passphrase on the terminal, and waits: at the start and at each renewal.
"""

from __future__ import annotations

import ssl
import stat
from pathlib import Path
from typing import Final, NoReturn

from monitor.secrets.certificates import validity

_MISMATCHES: Final = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")
_ADVICE: Final = "write it without one: openssl pkey -in KEY -out NEW"


class PassphraseError(ValueError):
    """The key has a passphrase: no other attempt would change that."""


def load_key_pair(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    """Load our certificate and its key into a context.

    OSError says which of the files cannot be used and why, PassphraseError that the key has a passphrase.
    """
    _check_readable(cert_file)
    _check_readable(key_file)
    try:
        context.load_cert_chain(cert_file, key_file, password=_refuse)
    except PassphraseError:
        what = f"the key is protected by a passphrase, for which nobody is asked; {_ADVICE}"
        raise PassphraseError(f"{key_file}: {what}") from None
    except ssl.SSLError as error:
        fault = _fault_of_pair(error, cert_file, key_file)
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, fault) from None


def load_authorities(context: ssl.SSLContext, file: Path) -> None:
    """Load the authorities that a context trusts; OSError, in words with the file, where it has none."""
    _check_readable(file)
    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        fault = f"{file}: holds no certificates (PEM) that can be used"
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, fault) from None


def _refuse() -> NoReturn:
    """Answer OpenSSL's question for a passphrase."""
    raise PassphraseError


def _fault_of_pair(error: ssl.SSLError, cert_file: Path, key_file: Path) -> str:
    """Return what is wrong with which of the two; OpenSSL names neither."""
    if error.reason in _MISMATCHES:
        return f"{key_file}: is not the key of the certificate in {cert_file}"
    if _holds_certificate(cert_file):
        return f"{key_file}: holds no private key (PEM) that can be used"
    return f"{cert_file}: holds no certificate (PEM) that can be used"


def _holds_certificate(file: Path) -> bool:
    try:
        return bool(list(validity(file)))
    except (OSError, ValueError):
        return False


def _check_readable(file: Path) -> None:
    """Name the file that cannot be read, with the error number of the system.

    OpenSSL says that a file is not there, but not which; in a pipe it would wait for who writes.
    """
    try:
        is_regular = stat.S_ISREG(file.stat().st_mode)
        if is_regular:
            file.open("rb").close()
    except OSError as error:
        number = error.errno or ssl.SSL_ERROR_SSL
        raise ssl.SSLError(number, f"{file}: {error.strerror}") from None
    if not is_regular:
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"{file}: is no regular file")
