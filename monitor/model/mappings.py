"""Narrow a mapping to what is still there; for whatever remembers something of targets, queries, receivers."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


def among(entries: Mapping[_K, _V], keys: Set[_K]) -> dict[_K, _V]:
    """Return the entries whose keys are among these."""
    return {key: value for key, value in entries.items() if key in keys}
