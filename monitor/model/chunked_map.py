"""A mapping of many that changes by few: the next one shares all but a piece of it; what a snapshot is made of."""

from __future__ import annotations

from collections.abc import (
    Collection,
    ItemsView,
    Iterator,
    Mapping,
    Sequence,
    ValuesView,
)
from itertools import chain
from typing import Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")

_BITS = 7
_SIZE = 1 << _BITS
"""Of a piece: with 8,000 entries a change copies 128 and 63 references, instead of 8,000."""


class ChunkedMap(Mapping[_K, _V], Generic[_K, _V]):
    """A mapping in the order in which it was given, that is never changed: any thread may read it."""

    __slots__ = ("_chunks", "_places")

    def __init__(self, entries: Mapping[_K, _V]) -> None:
        self._places: dict[_K, int] = {key: place for place, key in enumerate(entries)}
        values = list(entries.values())
        starts = range(0, len(values), _SIZE)
        self._chunks = [values[start : start + _SIZE] for start in starts]

    def __getitem__(self, key: _K) -> _V:
        place = self._places[key]
        # Of all that a result takes, this is done most often.
        return self._chunks[place >> _BITS][place & (_SIZE - 1)]

    def __iter__(self) -> Iterator[_K]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def items(self) -> ItemsView[_K, _V]:
        """Return the pairs; to walk them looks up none of them."""
        return _Items(self)

    def values(self) -> ValuesView[_V]:
        """Return the values, in the order of their keys."""
        return _Values(self)

    def __repr__(self) -> str:
        return f"ChunkedMap({dict(self.items())!r})"

    def all_values(self) -> Iterator[_V]:
        """Yield the values."""
        return chain.from_iterable(self._chunks)

    def updated(self, changes: Mapping[_K, _V]) -> ChunkedMap[_K, _V]:
        """Return a mapping with these values in place of those of their keys; what is new comes last."""
        if not changes.keys() <= self._places.keys():
            return ChunkedMap({**self, **changes})
        new: ChunkedMap[_K, _V] = object.__new__(ChunkedMap)
        new._places = self._places
        new._chunks = list(self._chunks)
        for key, value in changes.items():
            chunk, place = divmod(self._places[key], _SIZE)
            if new._chunks[chunk] is self._chunks[chunk]:
                new._chunks[chunk] = list(self._chunks[chunk])
            new._chunks[chunk][place] = value
        return new

    def changed_since(
        self, before: ChunkedMap[_K, _V], keys: Sequence[_K]
    ) -> Iterator[_K]:
        """Yield of these keys, which are all in order, those whose value is another object than before."""
        for number, (old, new) in enumerate(
            zip(before._chunks, self._chunks, strict=True)
        ):
            if old is new:
                continue
            first = number << _BITS
            for place, value in enumerate(new):
                if value is not old[place]:
                    yield keys[first + place]

    def has_places_of(self, other: ChunkedMap[_K, _V]) -> bool:
        """Return whether it was made of the other one, or the other way round, and has the same keys."""
        return self._places is other._places


class _Items(ItemsView[_K, _V]):
    def __init__(self, whole: ChunkedMap[_K, _V]) -> None:
        super().__init__(whole)
        self._whole = whole

    def __iter__(self) -> Iterator[tuple[_K, _V]]:
        return zip(self._whole, self._whole.all_values(), strict=True)


class _Values(ValuesView[_V]):
    def __init__(self, whole: ChunkedMap[_K, _V]) -> None:
        super().__init__(whole)
        self._whole = whole

    def __iter__(self) -> Iterator[_V]:
        return self._whole.all_values()


def updated(before: Mapping[_K, _V], changes: Mapping[_K, _V]) -> Mapping[_K, _V]:
    """Return a mapping with these changes, at the cost of a piece of it where it has pieces."""
    if isinstance(before, ChunkedMap):
        return before.updated(changes)
    return ChunkedMap({**before, **changes})


def changed_keys(
    before: Mapping[_K, _V], after: Mapping[_K, _V]
) -> Collection[_K] | None:
    """Return the keys whose value is another object than before; None where the keys may be others."""
    if not (isinstance(before, ChunkedMap) and isinstance(after, ChunkedMap)):
        return None
    if not after.has_places_of(before):
        return None
    return list(after.changed_since(before, list(after)))
