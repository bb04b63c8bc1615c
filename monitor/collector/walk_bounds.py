"""Choose between what a walk's statement reads where it is only to be planned or shown; in a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from monitor.collector.sweep_keys import BEFORE_ALL_UUIDS, SweepKeys
from monitor.database import Session
from monitor.model.settings import Bindable, Query
from monitor.model.sweeps import SweepKey
from monitor.model.walks import Sweep, any_bounds

_FEW: Final = 12
"""So many rows have the keys of a piece that is only to be planned."""


def example_bounds(query: Query, session: Session) -> Mapping[str, Bindable]:
    """Return values for what a walk's statement reads between; of a sweep they have the type of its key.

    Raises QueryError, and SampleError where a sweep has no key that serves.
    """
    walk = query.walk
    bounds: dict[str, Bindable] = {**any_bounds(walk)}
    if isinstance(walk, Sweep):
        keys = SweepKeys(walk, session, query.timeout)
        bounds.update(zip(walk.parameters, _example(keys, bounds), strict=True))
    return bounds


def _example(keys: SweepKeys, usual: Mapping[str, Bindable]) -> tuple[Bindable, ...]:
    """Return between which keys the first few rows are; of whole numbers the usual ones, which need not be there."""
    ends = keys.ends()
    if ends is None:
        # Columns of every type can be compared with it.
        return BEFORE_ALL_UUIDS, BEFORE_ALL_UUIDS
    first: SweepKey = ends.first
    if isinstance(first, int):
        return tuple(usual.values())
    return first, keys.piece_end(first, ends.last, _FEW)
