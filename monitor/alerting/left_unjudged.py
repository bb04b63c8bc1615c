"""Find the rules that are not judged while a query gives no data: its own, and those that need its numbers; pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from monitor.alerting.populations import needs_share_of
from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.settings import Rule


def rules_left_unjudged(snapshot: Snapshot, view: QueryView) -> Iterable[Rule]:
    """Return the rules that have no data where a query has none; of one that has data its own."""
    own = view.job.query.rules
    if view.samples:
        return own
    others = (*_judged_by_share_of(snapshot, view), *_derived_from(snapshot, view))
    return (*own, *others)


def _judged_by_share_of(snapshot: Snapshot, view: QueryView) -> Iterable[Rule]:
    needs_it = partial(needs_share_of, view.job.query)
    for other in snapshot.views_of(view.job.target.name):
        yield from filter(needs_it, other.job.query.rules)


def _derived_from(snapshot: Snapshot, view: QueryView) -> Iterable[Rule]:
    dependents = snapshot.dependents.get(view.job.target.name, ())
    for dependence in dependents:
        if dependence.on == view.job.key:
            derived = snapshot.queries[dependence.derived]
            yield from derived.job.query.rules
