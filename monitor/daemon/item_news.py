"""Tell which items of a query give no data, and that they do again; for the log, beside the event of the run."""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import timedelta

from monitor.alerting.failing_items import items_of
from monitor.daemon.server_changes import ServerEvent
from monitor.model.mappings import among
from monitor.model.results import Result, Success
from monitor.model.settings import JobKey
from monitor.telemetry.dedup import Deduplicator, Fields


def item_fields(success: Success) -> Fields:
    """Return what an event says of the items of a run; nothing where it has none."""
    items = success.items
    if items is None:
        return {}
    return {"items": items.count, "failed_items": len(items.failed)}


class ItemNews:
    """Keeps which items fail; a failure that only comes again is told first and last. For the pipeline's thread."""

    def __init__(self) -> None:
        self._failures = Deduplicator()
        self._failing: dict[JobKey, frozenset[str]] = {}
        """Which items of a query failed when it last asked for them."""

    def news(self, result: Result) -> Iterator[ServerEvent]:
        """Yield what a run says of items; nothing where it has none, or did not come so far."""
        items = items_of(result.outcome)
        if items is None:
            return
        key = result.job.key
        before = self._failing.get(key, frozenset())
        after = frozenset(failed.name for failed in items.failed)
        self._failing[key] = after
        for failed in items.failed:
            repeats = self._failures.failed(
                (*key, failed.name),
                str(failed.reason),
                failed.message,
                result.finished_at,
            )
            if repeats:
                fields = {"item": failed.name, **repeats}
                yield ServerEvent("item.failed", "warning", fields)
        for name in sorted(before - after):
            ended = self._failures.succeeded((*key, name))
            fields = {"item": name, **ended}
            yield ServerEvent("item.recovered", "info", fields)

    def keep(self, keys: Set[JobKey]) -> None:
        """Forget the queries that are not among these."""
        self._failures.keep(lambda subject: subject[:2] in keys)
        self._failing = among(self._failing, keys)

    def move(self, by: timedelta) -> None:
        """Move what is kept: the clock was set by this much."""
        self._failures.move(by)
