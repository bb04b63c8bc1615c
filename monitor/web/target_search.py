"""Find targets by a part of their names, where there are more than one finds by looking; pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlencode

_MAX_FOUND_BY_LOOKING = 20
_MAX_FOUND = 20


@dataclass(frozen=True, slots=True)
class FoundTarget:
    """A target whose name is much like what was asked for."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class TargetSearch:
    """The field for a name, and what it found."""

    has_field: bool
    unknown: str
    """What was asked for, where no target has that name."""
    found: tuple[FoundTarget, ...]
    """Targets with that in their names; where there are none, those that are written much like it."""


def target_search(given: str, known: Collection[str]) -> TargetSearch:
    """Look for what was asked for among the names of all targets; for nothing where that is empty."""
    has_field = len(known) > _MAX_FOUND_BY_LOOKING
    if not given or given in known:
        return TargetSearch(has_field, "", ())
    text = given.casefold()
    names = [name for name in sorted(known) if text in name.casefold()]
    if not names:
        names = difflib.get_close_matches(given, known, n=5)
    found = [
        FoundTarget(name, f"?{urlencode({'target': name})}")
        for name in names[:_MAX_FOUND]
    ]
    return TargetSearch(has_field, given, tuple(found))
