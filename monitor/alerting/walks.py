"""Restore how far the walks of a snapshot had come, as the state remembers it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.chunked_map import updated
from monitor.model.positions import Position
from monitor.model.settings import JobKey
from monitor.model.walked import kept_position


def with_positions(
    snapshot: Snapshot, positions: Mapping[JobKey, Position]
) -> Snapshot:
    """Record how far walks have come; what was not walked by the query as it is now is left out."""
    queries: dict[JobKey, QueryView] = {}
    for key, position in positions.items():
        view = snapshot.queries.get(key)
        if view is not None:
            kept = kept_position(position, view.job)
            queries[key] = replace(view, position=kept)
    return replace(snapshot, queries=updated(snapshot.queries, queries))
