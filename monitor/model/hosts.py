"""Decide which hosts are this machine, by their names alone; pure."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, without asking a name server."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        # A name: only a name server could say, and it may say something else tomorrow.
        return False
    return address.is_loopback
