"""Classify errors: an error code becomes a reason, the server's words become words fit to show; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from monitor.model.errors import HIDDEN_EXCERPT, Reason
from monitor.model.wording import shortened


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """What a code means: the reason, which kind of it, and whether the connection is gone."""

    reason: Reason
    detail: str = ""
    is_lost: bool = False


_LOST = ErrorKind(Reason.TARGET_DOWN, "lost", is_lost=True)
_UNREACHABLE = ErrorKind(Reason.TARGET_DOWN, "unreachable", is_lost=True)
# A proxy answers, and has no server behind it; what waits for one on this connection waits in vain.
_BACKEND = ErrorKind(Reason.TARGET_DOWN, "backend", is_lost=True)
_FULL = ErrorKind(Reason.TARGET_DOWN, "full")
_QUOTA = ErrorKind(Reason.TARGET_DOWN, "quota")
_HOST_BLOCKED = ErrorKind(Reason.TARGET_DOWN, "host_blocked")
_TLS = ErrorKind(Reason.TARGET_DOWN, "tls")
_DENIED = ErrorKind(Reason.ACCESS_DENIED, "privilege")
_LOGIN = ErrorKind(Reason.ACCESS_DENIED, "login")
_PLUGIN = ErrorKind(Reason.ACCESS_DENIED, "auth_plugin")
_MISSING = ErrorKind(Reason.SCHEMA_MISSING)
_TIMEOUT = ErrorKind(Reason.TIMEOUT, "statement_limit")
_LOCK = ErrorKind(Reason.LOCK_WAIT)
_PROTOCOL = ErrorKind(Reason.INTERNAL, "protocol")
_QUERY_ERROR = ErrorKind(Reason.QUERY_ERROR)

# Codes below 2000 are common to both servers, 19xx and 4151 are MariaDB's, 3xxx and 4031 are MySQL's,
# 20xx come from the driver, 9xxx are those of proxies. Python's exception classes say nothing: 1054 is an
# OperationalError, 1146 a ProgrammingError.
KIND_BY_CODE: dict[int, ErrorKind] = {
    **dict.fromkeys((2006, 2013, 2055), _LOST),
    **dict.fromkeys(
        (1053, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031), _LOST
    ),
    **dict.fromkeys((2002, 2003, 2005, 1047, 3168), _UNREACHABLE),
    # ProxySQL: no server in time, too many failed, all of them offline or lagging, no answer to a ping
    **dict.fromkeys((9001, 9002, 9004, 9005, 9006, 9007), _BACKEND),
    **dict.fromkeys((1040, 1041, 1135, 9501), _FULL),
    **dict.fromkeys((1203, 1226), _QUOTA),
    **dict.fromkeys((1129, 1130), _HOST_BLOCKED),
    **dict.fromkeys((2026, 3159), _TLS),
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370), _DENIED),
    **dict.fromkeys((1045, 1698, 1820, 1862, 3118, 4151), _LOGIN),
    **dict.fromkeys((1251, 1524, 2059, 2061), _PLUGIN),
    **dict.fromkeys((1049, 1054, 1146, 1305, 1356), _MISSING),
    **dict.fromkeys((1969, 3024), _TIMEOUT),
    # 1317 is a KILL QUERY, ours or another's; 1053 above is a server that shuts down, 2013 one that went.
    1317: ErrorKind(Reason.KILLED),
    **dict.fromkeys((1205, 1213, 3572), _LOCK),
    # 1835, "Malformed communication packet", is the server's word for what the driver calls 2027.
    **dict.fromkeys((1835, 2012, 2014, 2027), _PROTOCOL),
}
KIND_AT_CONNECT: dict[int, ErrorKind] = {
    **KIND_BY_CODE,
    1044: ErrorKind(Reason.ACCESS_DENIED, "database"),
    1049: ErrorKind(Reason.ACCESS_DENIED, "database"),
}
# Codes that mean several things; the words tell them apart. Vitess says nearly everything with 1105.
_BACKEND_WORDS = re.compile(
    r"not serving|not_serving|no healthy tablet|reparent operation|code = Unavailable"
    r"|vttablet: connection closed|error while dialing|no server in hostgroup"
    r"|waiting to acquire (?:a )?database connection",
    re.IGNORECASE,
)
# ProxySQL, of a client that SET bound to one host group: a rule sends the statement to another.
_LOCKED_WORDS = re.compile("is locked to hostgroup", re.IGNORECASE)
_UNKNOWN_ERROR = 1105
_FIRST_SERVER_CODE = 1000
# 2000 to 2999 are the client library's own, raised by the driver about the connection itself.
_CLIENT_CODES = range(2000, 3000)
_FIRST_PROXY_CODE = 9000

_MAX_MESSAGE = 300
# In these messages the quoted words are names that the operator needs, not values.
_NAMES_ARE_QUOTED = frozenset(
    {
        1044,
        1045,
        1049,
        1051,
        1052,
        1054,
        1055,
        1130,
        1142,
        1143,
        1146,
        1184,
        1193,
        1203,
        1226,
        1298,
        1305,
        1356,
        1370,
    }
    | {1698, 2003, 2005, 2059, 2061, 3118, 4151}
)
_HINTS = {
    1267: "two columns that are compared have different collations (information_schema.columns has them):"
    " ALTER TABLE … MODIFY … COLLATE one of them, or write COLLATE in the statement;"
    " of ids see TokenColumnMismatch",
}
"""What to do, where the server's own words say only what it is."""
_NEAR = re.compile(r"near '(.*)' at line", re.DOTALL)
_SYNTAX_ERRORS = frozenset({1064, 1149})
_MAX_EXCERPT = 100
# A value is quoted as it is, its own quotes not escaped: from the first quote that opens to the last one.
_QUOTED = re.compile(r"(?<!\w)(['\"])(?:.*['\"]|.*$)", re.DOTALL)
_ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")


def classify(code: int | None, *, connecting: bool, words: str = "") -> ErrorKind:
    """Return what a code means; None is an error without one, trouble with the protocol.

    `words` are the server's, for the codes that say nothing alone. `connecting`: it came before the session
    was ours, when 1044 and 1049 speak of the target's own database.
    """
    if code is None or code < _FIRST_SERVER_CODE:
        return _PROTOCOL
    if code == _UNKNOWN_ERROR and _BACKEND_WORDS.search(words):
        return _BACKEND
    if not connecting and code >= _FIRST_PROXY_CODE and _LOCKED_WORDS.search(words):
        return _QUERY_ERROR
    kinds = KIND_AT_CONNECT if connecting else KIND_BY_CODE
    unlisted = _PROTOCOL if code in _CLIENT_CODES else _QUERY_ERROR
    return kinds.get(code, unlisted)


def is_answer(code: int | None, words: str = "") -> bool:
    """Return whether an error was the server's plain answer, after which the connection is in order."""
    if code in _CLIENT_CODES:
        return False
    kind = classify(code, connecting=False, words=words)
    return not kind.is_lost and kind is not _PROTOCOL


def shown_message(message: str, code: int | None) -> str:
    """Mask SQL literals, parts of statements and mail addresses in an error's words, and cut it."""
    text = _NEAR.sub(f"{HIDDEN_EXCERPT} at line", message)
    if code not in _NAMES_ARE_QUOTED:
        text = _QUOTED.sub("'…'", text)
    text = _ADDRESS.sub("…@…", " ".join(text.split()))
    text = shortened(text, _MAX_MESSAGE)
    hint = _HINTS.get(code or 0, "")
    return f"{text}; {hint}" if hint else text


def syntax_error_excerpt(message: str, code: int | None) -> str:
    """Return the part of the statement that the server quotes in a syntax error, without mail addresses."""
    if code not in _SYNTAX_ERRORS:
        return ""
    found = _NEAR.search(message)
    if found is None:
        return ""
    text = _ADDRESS.sub("…@…", " ".join(found[1].split()))
    return shortened(text, _MAX_EXCERPT)
