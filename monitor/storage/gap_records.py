"""The gaps of a cursor's position as one packed text, and back: those of a range differ in little but their place."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from monitor.model.cursor_position import Gap
from monitor.storage.serialization import instant_to_text, text_to_instant

_FASTEST = 1


def gaps_to_text(gaps: Iterable[Gap]) -> str:
    """Return gaps packed; empty where there are none."""
    groups = [_group(list(found)) for _, found in groupby(gaps, _kind)]
    if not groups:
        return ""
    text = json.dumps(groups, separators=(",", ":"))
    return base64.b85encode(zlib.compress(text.encode(), _FASTEST)).decode()


def text_to_gaps(text: str) -> tuple[Gap, ...]:
    """Return the gaps that `gaps_to_text` was given; ValueError, TypeError or KeyError where they are none."""
    if not text:
        return ()
    try:
        groups = json.loads(zlib.decompress(base64.b85decode(text)))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    return tuple(gap for group in groups for gap in _gaps_of(*group))


def _kind(gap: Gap) -> Sequence[object]:
    return gap.counted_at, gap.newer_than


def _group(gaps: Sequence[Gap]) -> list[Any]:
    """Return what some gaps have in common, and of each how far behind the one before it is, its length and step."""
    numbers: list[int] = []
    before = 0
    for gap in gaps:
        numbers += (gap.first - before, gap.last - gap.first, gap.step)
        before = gap.last
    return [instant_to_text(gaps[0].counted_at), gaps[0].newer_than, numbers]


def _gaps_of(
    counted_at: str, newer_than: float | None, numbers: Sequence[int]
) -> Iterator[Gap]:
    instant = text_to_instant(counted_at)
    before = 0
    parts = iter(numbers)
    for offset, length, step in zip(parts, parts, parts, strict=True):
        first = before + offset
        before = first + length
        yield Gap(first, before, instant, newer_than, step)
