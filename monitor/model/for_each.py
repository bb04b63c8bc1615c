"""Say for what items a query is asked, once each, and what became of each in a run; travels with its result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.model.errors import QueryError, Reason
from monitor.model.statements import Scalar, Statement

DEFAULT_NAME = "name"
DEFAULT_MAX_ITEMS = 100
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class QueryItem:
    """One of those for which a query is asked: its name, and what its statements take of it."""

    name: str
    values: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForEach:
    """For what a query is asked: for each row of a statement, or for each item of a list.

    All its series and alerts have `label`, with the item's name, which is in the column `name`. `columns` are those
    that statements may ask for, `name` among them; `identifiers` those that some statement has in braces.
    """

    name: str
    label: str
    max_items: int
    columns: tuple[str, ...]
    items: tuple[QueryItem, ...] = ()
    statement: Statement | None = None
    identifiers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FailedItem:
    """An item of which a run gave no data, and why."""

    name: str
    reason: Reason
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}: {self.message}"


@dataclass(frozen=True, slots=True)
class Turns:
    """Who goes first in the next run, and who last, since the time of a run may not be enough for all."""

    waiting: tuple[str, ...] = ()
    """Those whose turn did not come, or too late; who waited before goes before the others."""
    slow: frozenset[str] = frozenset()
    """Those that had half of the time or more, and gave nothing in it: others do not wait for them."""

    def in_order(self, items: Iterable[QueryItem]) -> list[QueryItem]:
        """Return the items in the order in which they are asked."""
        places = {name: place for place, name in enumerate(self.waiting)}
        behind = len(places)

        def place(item: QueryItem) -> tuple[bool, int]:
            return item.name in self.slow, places.get(item.name, behind)

        return sorted(items, key=place)


ANY_TURNS = Turns()


@dataclass(frozen=True, slots=True)
class ItemOutcomes:
    """What became of the items of one run."""

    count: int
    failed: tuple[FailedItem, ...] = ()
    turns: Turns = field(default_factory=Turns)

    @property
    def well(self) -> int:
        """Return how many gave data; no rows are data too."""
        return self.count - len(self.failed)

    @property
    def remarks(self) -> list[str]:
        """Return what there is to say of it to people; nothing where none failed."""
        if not self.failed:
            return []
        count = f"{len(self.failed)} of {self.count} items failed"
        return [f"{count}: {shown(self.failed)}"]


def shown(failed: Sequence[FailedItem]) -> str:
    """Return the first of some failures, and how many more there are."""
    texts = [str(one) for one in failed[:_SHOWN]]
    more = len(failed) - len(texts)
    if more:
        texts.append(f"and {more} more")
    return "; ".join(texts)


class NoItemError(QueryError):
    """None of the items of a run gave data: the reason and code of the first, and what became of all."""

    def __init__(self, items: ItemOutcomes, first: QueryError) -> None:
        message = f"none of {items.count} items gave data: {shown(items.failed)}"
        super().__init__(
            first.reason,
            message,
            code=first.code,
            detail=first.detail,
            excerpt=first.excerpt,
        )
        self.items = items
