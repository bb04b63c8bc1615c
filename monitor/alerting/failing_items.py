"""Count how often in a row each item of a query failed, and say it in words; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.model.for_each import FailedItem, ItemOutcomes, shown
from monitor.model.results import Failure, Outcome, Success
from monitor.model.wording import utc_second


@dataclass(frozen=True, slots=True)
class FailingItem:
    """An item of a query that fails: how it did last, how often in a row, and since when."""

    last: FailedItem
    count: int
    since: datetime
    is_from_start: bool = False
    """Whether the query has given nothing since we began to look, so that it may have failed for long."""


FailingItems = Mapping[str, FailingItem]
"""By the name of the item."""


def items_of(outcome: Outcome | None) -> ItemOutcomes | None:
    """Return what became of the items of a run; None where it has none, or did not come so far."""
    return outcome.items if isinstance(outcome, Success | Failure) else None


def failing_after(
    before: FailingItems,
    items: ItemOutcomes,
    at: datetime,
    runs_before: int,
    *,
    is_first: bool,
) -> dict[str, FailingItem]:
    """Return which items fail after a run that asked for them, scheduled for this instant.

    `runs_before` is how often in a row the query gave no data at all just before: so often did each item.
    `is_first`: it has not given any since we began to look.
    """
    after: dict[str, FailingItem] = {}
    for failed in items.failed:
        known = before.get(failed.name)
        if known is None:
            after[failed.name] = FailingItem(failed, runs_before + 1, at, is_first)
        else:
            after[failed.name] = replace(known, last=failed, count=known.count + 1)
    return after


def failing_with_run(before: FailingItems, times: int) -> FailingItems:
    """Return the same after a run that did not come to the items, and is counted so many times."""
    return {
        name: replace(known, count=known.count + times)
        for name, known in before.items()
    }


def worst_count(items: FailingItems) -> int:
    """Return how often in a row the item failed that does for longest; 0 where none fails."""
    return max([one.count for one in items.values()], default=0)


def are_known_until_now(items: FailingItems) -> bool:
    """Return whether of each that fails it is known how it was before."""
    return not any(one.is_from_start for one in items.values())


def details_of(items: FailingItems, runs: float) -> dict[str, str]:
    """Return what to say of the items that failed more often in a row than so; nothing where there are none."""
    told = [one for one in items.values() if one.count > runs]
    if not told:
        return {}
    told.sort(key=lambda one: one.since)
    first = told[0]
    at_least = "at least " if first.is_from_start else ""
    return {
        "reason": str(first.last.reason),
        "message": shown([one.last for one in told]),
        "failing_since": f"{at_least}{utc_second(first.since)}",
        "of_items": f" for {_names(one.last.name for one in told)}",
    }


def _names(names: Iterable[str]) -> str:
    first, *others = names
    return f"{first} and {len(others)} more of its items" if others else first
