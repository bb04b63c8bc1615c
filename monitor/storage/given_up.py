"""Marks of what was given up before its receiver had it, until the alerts say so; between outbox and pipeline.

A notification leaves the outbox and leaves these marks by one transaction, so that none is lost with the process.
"""

from __future__ import annotations

from typing import Final

from monitor.model.alerts import Untold

_PREFIX: Final = "given_up "

OF_GIVEN_UP: Final = f"{_PREFIX}*"
"""A pattern (GLOB) of the marks' names."""


def mark_of(untold: Untold) -> str:
    """Return the name of the mark that says so."""
    return f"{_PREFIX}{untold.receiver} {untold.fingerprint}"


def untold_of(mark: str) -> Untold:
    """Return of whom and what a mark speaks; ValueError."""
    receiver, fingerprint = mark.removeprefix(_PREFIX).rsplit(" ", 1)
    return Untold(receiver, fingerprint)
