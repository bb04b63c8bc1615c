"""Marks of where receivers were when a configuration last had them: of each a digest, which tells it from others."""

from __future__ import annotations

from typing import Final

_PREFIX: Final = "destination "

OF_DESTINATIONS: Final = f"{_PREFIX}*"
"""A pattern (GLOB) of the marks' names."""


def mark_of_destination(receiver: str, digest: str) -> str:
    """Return the name of the mark of a receiver and its digest."""
    return f"{_PREFIX}{digest} {receiver}"


def destination_in(row: tuple[str, ...]) -> tuple[str, str]:
    """Return the receiver of a mark, and its digest; ValueError."""
    (mark,) = row
    digest, receiver = mark.removeprefix(_PREFIX).split(" ", 1)
    return receiver, digest
