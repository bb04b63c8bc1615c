"""Say what is wrong with the name or address of a host, and what to write instead; pure."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

_NAME = re.compile(r"[\w.-]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+(?P<rest>.*)", re.DOTALL)
_WITH_PORT = re.compile(r"(?P<host>[^:\[\]/]+|\[[^\]]*\]):(?P<port>[0-9]{1,5})")


def host_fault(value: str) -> str:
    """Return why a value is not a host, and what to write; nothing where it is one."""
    if value != value.strip():
        return f'"{value}" has blanks around it; write "{value.strip()}"'
    # A URL is not repeated: it may have a password in it.
    scheme = _SCHEME.fullmatch(value)
    if scheme is not None:
        if "@" in value:
            return "is a URL; give host, port and user apart"
        return f"is a URL; {_write(scheme['rest'].partition('/')[0])}"
    if value.startswith("/"):
        return f'"{value}" is a path; a socket is given as unix_socket'
    if "@" in value:
        return "has the name of an account in it; that is given as user"
    if _WITH_PORT.fullmatch(value) or value.startswith("["):
        return f'"{value}" is more than a host; {_write(value)}'
    if _NAME.fullmatch(value) or _is_ipv6(value):
        return ""
    return f'"{value}" is not the name or address of a host'


def _write(text: str) -> str:
    """Tell how host and port are written, as far as they can be read out of a text."""
    match = _WITH_PORT.fullmatch(text)
    host = match["host"] if match else text
    host = host.removeprefix("[").removesuffix("]")
    return f'write host = "{host}"' + (f" and port = {int(match['port'])}" if match else "")


def _is_ipv6(value: str) -> bool:
    try:
        IPv6Address(value)
    except ValueError:
        return False
    return True
