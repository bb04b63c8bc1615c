"""What became of an attempt to stop a statement on its server: from the database edge to log and counters."""

from __future__ import annotations

from dataclasses import dataclass

KILL_REASONS = ("denied", "other_server", "no_such_thread", "unreachable", "failed")
"""Why a statement could not be stopped on its server."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One attempt to stop a statement on its server; without a reason it was done."""

    target: str
    reason: str = ""
    message: str = ""
