"""What an address of Apprise may be, and what of it is secret; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, unquote

from monitor.secrets.redaction import made_up

ALERT: Final = "{alert}"
"""Stands in an address for what names the alert: then each alert is a message of its own."""

_SCHEME: Final = re.compile(r"([A-Za-z0-9]{2,20})://\S*")
_SEVERAL: Final = re.compile(r"[\s,;]+[A-Za-z0-9]{2,20}://")
_BETWEEN_PARTS: Final = re.compile(r"[/@:?&=#]")
_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")

_LOCAL: Final = "shows it on this machine alone, where a daemon has no screen; the log always receives"
_NO_HTTP: Final = "is not sent to by HTTP, so that no time limit would hold"
_REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("blink1", "dbus", "glib", "gnome", "kde", "qt"), _LOCAL),
        **dict.fromkeys(("macosx", "syslog", "windows"), _LOCAL),
        **dict.fromkeys(("aprs", "growl", "irc", "ircs", "mqtt", "mqtts"), _NO_HTTP),
        **dict.fromkeys(("rsyslog", "smpp", "smpps", "xmpp", "xmpps"), _NO_HTTP),
        "jira": 'has a kind of its own: kind = "jira"',
        "mailto": 'has a kind of its own: kind = "email"',
        "mailtos": 'has a kind of its own: kind = "email"',
        "opsgenie": 'has a kind of its own: kind = "opsgenie"',
        "pagerduty": 'has a kind of its own: kind = "pagerduty"',
    }
)
# An end of one alert would close what is open of all others under one name.
_KEEPS_INCIDENTS: Final = frozenset({"splunk", "victorops"})
# What the program decides itself: how long, how often, over which TLS, how much.
_OURS: Final = frozenset(
    {
        *("cto", "rto", "retry", "wait", "optional", "redirect", "verify"),
        *("overflow", "store", "tag"),
    }
)


def fault_of(address: str) -> str:
    """Return why an address cannot be that of a receiver, and what to write; empty where it can."""
    if _SEVERAL.search(address):
        return "has several addresses; allowed: one, and a receiver for each"
    found = _SCHEME.fullmatch(address)
    if found is None:
        return "is not an address of Apprise; allowed: such as rocket://TOKEN@HOST"
    scheme = found[1].lower()
    if scheme in _REFUSED:
        return f"{scheme}:// {_REFUSED[scheme]}"
    if scheme in _KEEPS_INCIDENTS and ALERT not in address:
        message = "keeps incidents by their names: write {alert} where the name belongs"
        return f"{scheme}:// {message}, {scheme}://ROUTING_KEY@API_KEY/{ALERT}"
    ours = sorted(_OURS & {name.lower() for name, _ in _parameters(address)})
    if ours:
        return f'has "{ours[0]}", which is not for the address to say; leave it out'
    return ""


def secrets_in(address: str) -> list[str]:
    """Return what the log hides of an address: all of it, and each part that is neither a mere word nor a host.

    Apprise has keys anywhere: in the place of the user, of the host, of a folder.
    """
    unnamed = [part for part in parts_in(address) if not _HOST.fullmatch(part)]
    return [address, *sorted(made_up(unnamed))]


def parts_in(address: str) -> frozenset[str]:
    """Return every part of an address, for what an answer or the library may repeat of it."""
    # By hand: Rocket.Chat's token has a stroke in it, where the host ends for everybody else.
    parts = set(_BETWEEN_PARTS.split(address.partition("://")[2]))
    decoded = {unquote(part) for part in parts}
    return frozenset((parts | decoded) - {"", ALERT})


def _parameters(address: str) -> list[tuple[str, str]]:
    return parse_qsl(address.partition("?")[2], keep_blank_values=True)
