"""Find what a renewal of the prepared lines can carry over as it is, and what it has to look at; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from monitor.model.chunked_map import changed_keys

_Key = TypeVar("_Key")
_View = TypeVar("_View")
_Piece = TypeVar("_Piece")


def carried_over(
    pieces: Mapping[_Key, _Piece],
    before: Mapping[_Key, _View],
    after: Mapping[_Key, _View],
    counted: Iterable[object],
) -> tuple[dict[_Key, _Piece], Collection[_Key]]:
    """Return the pieces to begin with, and the keys of those that may have changed.

    `before` and `after` are what the pieces were and are to be written of, `counted` the keys whose counters have
    changed. Where the keys themselves may have changed, nothing is carried over, and all have to be looked at.
    """
    changed = changed_keys(before, after)
    if changed is None:
        return {}, after
    # With eight thousand queries it is dear to look at each of them for the few that have changed.
    return dict(pieces), {*changed, *(after.keys() & counted)}
