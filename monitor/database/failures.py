"""Translate what the driver raises into our errors: the only place where its exceptions are read."""

from __future__ import annotations

import errno
import socket
import ssl

import pymysql

from monitor.database.reasons import Verdict, place_of, shown_message, verdict_of
from monitor.model.errors import QueryError, Reason, TargetError

_LACKING_PACKAGE = (
    "the account's login method takes a Python package that is not installed: PyNaCl for ed25519,"
    " cryptography for sha256_password and caching_sha2_password"
)
_LOCAL_TROUBLE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def code_of(error: BaseException) -> int | None:
    """Give the error's code; None where the driver raised something without one."""
    if (
        not isinstance(error, pymysql.MySQLError)
        or not error.args
        or not isinstance(error.args[0], int)
    ):
        return None
    # the driver unpacks the code as signed
    return error.args[0] & 0xFFFF


def failure_of(error: Exception) -> QueryError:
    """Translate what a run raised: TargetError if the connection is gone or refused, else QueryError."""
    code = code_of(error)
    verdict = verdict_of(code, connecting=False, words=str(error))
    kind = TargetError if verdict.reason is Reason.TARGET_DOWN else QueryError
    place = place_of(" ".join(str(part) for part in error.args[1:]), code)
    return kind(
        verdict.reason,
        _words_of(error, code),
        code=code,
        detail=verdict.detail,
        place=place,
    )


def connect_failure_of(
    error: Exception, *, greeted: bool, was_cut: bool, seconds: float
) -> TargetError:
    """Translate what connecting raised; `was_cut`: our own deadline ended it."""
    code = code_of(error)
    cause = _cause_of(error)
    if was_cut or isinstance(cause, TimeoutError):
        verdict = Verdict(
            Reason.TARGET_DOWN, "unreachable" if greeted else "no_greeting"
        )
        return TargetError(
            verdict.reason,
            f"no answer within {seconds:g} s",
            code=code,
            detail=verdict.detail,
        )
    if isinstance(cause, OSError):
        return socket_failure_of(cause, code=code)
    verdict = verdict_of(code, connecting=True, words=str(error))
    if isinstance(error, RuntimeError) and "package is required" in str(error):
        return TargetError(Reason.ACCESS_DENIED, _LACKING_PACKAGE, detail="auth_plugin")
    if verdict.detail == "lost" and not greeted:
        verdict = Verdict(Reason.TARGET_DOWN, "no_greeting")
    words = _words_of(error, code)
    if verdict.detail == "protocol":
        words = f"the answer is not that of a MySQL server: {words}"
    return TargetError(verdict.reason, words, code=code, detail=verdict.detail)


def socket_failure_of(error: OSError, *, code: int | None = None) -> TargetError:
    """Translate the operating system's or TLS's word on a connection that was not made."""
    reason, detail = Reason.TARGET_DOWN, "unreachable"
    if isinstance(error, ssl.SSLError):
        detail = "tls"
    elif isinstance(error, socket.gaierror):
        detail = "dns"
    elif isinstance(error, ConnectionRefusedError):
        detail = "refused"
    elif error.errno in _LOCAL_TROUBLE:
        reason, detail = Reason.INTERNAL, "local"
    words = (
        getattr(error, "verify_message", "")
        or error.strerror
        or str(error)
        or type(error).__name__
    )
    return TargetError(
        reason, shown_message(str(words), 2003), code=code, detail=detail
    )


def _cause_of(error: BaseException) -> BaseException:
    # the driver keeps what the socket said in an attribute (connecting) or only as the context (reading)
    cause = getattr(error, "original_exception", None) or error.__context__
    return cause if isinstance(cause, OSError) else error


def _words_of(error: Exception, code: int | None) -> str:
    if code is not None:
        return shown_message(
            " ".join(str(part) for part in error.args[1:]) or type(error).__name__, code
        )
    return shown_message(f"{type(error).__name__}: {error}", code)
