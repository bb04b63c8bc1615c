"""Find what is wrong with the name or address of a host, and what to write instead; pure."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final

_NAME: Final = re.compile(r"[\w.-]+")
_URL: Final = re.compile(
    r"""
    [A-Za-z][A-Za-z0-9+.-]*:/+
    (?P<rest>.*)
    """,
    re.VERBOSE | re.DOTALL,
)
_WITH_PORT: Final = re.compile(
    r"""
    (?P<host> [^:\[\]/]+ | \[[^\]]*\] )
    :
    (?P<port> [0-9]{1,5} )
    """,
    re.VERBOSE,
)


def host_fault(value: str) -> str:
    """Return why a value is not a host, and what to write; nothing where it is one."""
    stripped = value.strip()
    if value != stripped:
        return f'"{value}" has blanks around it; write "{stripped}"'
    url = _URL.fullmatch(value)
    if url is not None:
        return _url_fault(url["rest"])
    if value.startswith("/"):
        return f'"{value}" is a path; a socket is given as unix_socket'
    if "@" in value:
        return "has the name of an account in it; that is given as user"
    if value.startswith("[") or _WITH_PORT.fullmatch(value):
        return f'"{value}" is more than a host; {_correction(value)}'
    if _NAME.fullmatch(value) or _is_ipv6(value):
        return ""
    return f'"{value}" is not the name or address of a host'


def _url_fault(rest: str) -> str:
    """Return what to write in place of a URL, of which nothing is repeated that may be a password."""
    if "@" in rest:
        return "is a URL; give host, port and user apart"
    host_and_port, _, _ = rest.partition("/")
    return f"is a URL; {_correction(host_and_port)}"


def _correction(text: str) -> str:
    """Return how to write host and port, as far as they can be read out of a text."""
    match = _WITH_PORT.fullmatch(text)
    if match is None:
        return f'write host = "{_without_brackets(text)}"'
    host = _without_brackets(match["host"])
    port = int(match["port"])
    return f'write host = "{host}" and port = {port}'


def _without_brackets(host: str) -> str:
    return host.removeprefix("[").removesuffix("]")


def _is_ipv6(value: str) -> bool:
    try:
        IPv6Address(value)
    except ValueError:
        return False
    return True
