"""Translate what the driver raises into our errors: the only place where its exceptions are read."""

from __future__ import annotations

import errno
import socket
import ssl
from types import MappingProxyType

import pymysql

from monitor.database.reasons import (
    classify,
    is_answer,
    shown_message,
    syntax_error_excerpt,
)
from monitor.model.errors import QueryError, Reason, TargetError

_LACKING_PACKAGE = (
    "the account's login method takes a Python package that is not installed: PyNaCl for ed25519,"
    " cryptography for sha256_password and caching_sha2_password"
)
# No descriptors, no memory: the trouble is on this machine, and no target's.
_LOCAL_TROUBLE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# CR_CONN_HOST_ERROR: in its message the quoted words are names, as in those of the system.
_CANNOT_CONNECT = 2003
_CONNECT_PREFIXES = MappingProxyType(
    {"protocol": "the answer is not that of a MySQL server: "}
)
# An SSLError is an OSError with an errno of its own, so that it is looked for first.
_SOCKET_DETAILS: tuple[tuple[type[OSError], str], ...] = (
    (ssl.SSLError, "tls"),
    (socket.gaierror, "dns"),
    (ConnectionRefusedError, "refused"),
)


def code_of(error: BaseException) -> int | None:
    """Return the error's code; None where the driver raised something without one."""
    match error:
        case pymysql.MySQLError(args=(int(code), *_)):
            # The driver unpacks the code as signed.
            return code & 0xFFFF
        case _:
            return None


def is_answer_error(error: BaseException) -> bool:
    """Return whether the server plainly answered with this error: the connection is in order after it."""
    return is_answer(code_of(error), str(error))


def failure_of(error: Exception) -> QueryError:
    """Translate what a run raised: TargetError if the connection is gone or refused, else QueryError."""
    code = code_of(error)
    kind = classify(code, connecting=False, words=str(error))
    failure = TargetError if kind.reason is Reason.TARGET_DOWN else QueryError
    return failure(
        kind.reason,
        _shown(error, code),
        code=code,
        detail=kind.detail,
        excerpt=syntax_error_excerpt(_server_words(error), code),
    )


def connect_failure_of(
    error: Exception, *, greeted: bool, was_cut: bool, seconds: float
) -> TargetError:
    """Translate what connecting raised; `was_cut`: our own deadline ended it."""
    code = code_of(error)
    cause = _cause_of(error)
    if was_cut or isinstance(cause, TimeoutError):
        return TargetError(
            Reason.TARGET_DOWN,
            f"no answer within {round(seconds, 2):g} s",
            code=code,
            detail="unreachable" if greeted else "no_greeting",
        )
    if isinstance(cause, OSError):
        return socket_failure_of(cause, code=code)
    # The driver says so for a login method that it knows and has no library for.
    if isinstance(error, RuntimeError) and "package is required" in str(error):
        return TargetError(Reason.ACCESS_DENIED, _LACKING_PACKAGE, detail="auth_plugin")
    kind = classify(code, connecting=True, words=str(error))
    detail = kind.detail
    if detail == "lost" and not greeted:
        detail = "no_greeting"
    words = f"{_CONNECT_PREFIXES.get(detail, '')}{_shown(error, code)}"
    return TargetError(kind.reason, words, code=code, detail=detail)


def socket_failure_of(error: OSError, *, code: int | None = None) -> TargetError:
    """Translate the operating system's or TLS's word on a connection that was not made."""
    reason, detail = _socket_reason(error)
    message = shown_message(_socket_words(error), _CANNOT_CONNECT)
    return TargetError(reason, message, code=code, detail=detail)


def _socket_reason(error: OSError) -> tuple[Reason, str]:
    for kind, detail in _SOCKET_DETAILS:
        if isinstance(error, kind):
            return Reason.TARGET_DOWN, detail
    if error.errno in _LOCAL_TROUBLE:
        return Reason.INTERNAL, "local"
    return Reason.TARGET_DOWN, "unreachable"


def _socket_words(error: OSError) -> str:
    # A certificate that is refused says why in an attribute of its own.
    verify_message = str(getattr(error, "verify_message", ""))
    candidates = (verify_message, error.strerror, str(error))
    return next((words for words in candidates if words), type(error).__name__)


def _cause_of(error: BaseException) -> BaseException:
    # The driver keeps what the socket said in an attribute (connecting) or only as the context (reading).
    cause = getattr(error, "original_exception", None) or error.__context__
    return cause if isinstance(cause, OSError) else error


def _server_words(error: Exception) -> str:
    """Return the words that follow the code."""
    return " ".join(str(part) for part in error.args[1:])


def _shown(error: Exception, code: int | None) -> str:
    name = type(error).__name__
    if code is None:
        return shown_message(f"{name}: {error}", code)
    return shown_message(_server_words(error) or name, code)
