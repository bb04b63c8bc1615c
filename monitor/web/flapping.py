"""Fold what one alert did again and again into one line of the history, under its newest change; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from monitor.model.alerts import Transition
from monitor.web.history_rows import PastChange, past_change

MAX_LATEST: Final = 5
"""So many lines are on the first page; the history has all."""
MAX_APART: Final = timedelta(hours=1)
"""What comes later than that after the last change is another time."""
LEAST_TIMES: Final = 3
"""Who fires twice came back once."""


def latest_changes(
    transitions: Iterable[Transition], now: datetime
) -> tuple[PastChange, ...]:
    """Describe the first few lines of these, the newest first."""
    return folded(past_change(one, now) for one in transitions)[:MAX_LATEST]


def folded(changes: Iterable[PastChange]) -> tuple[PastChange, ...]:
    """Return changes, the newest first; of an alert that flapped only the newest, with the earlier ones in it."""
    lines = chain.from_iterable(map(_lines_of, _runs(changes)))
    return tuple(sorted(lines, key=lambda line: line.at.at, reverse=True))


def _lines_of(run: Sequence[PastChange]) -> Sequence[PastChange]:
    newest, *earlier = run
    line = replace(newest, earlier=tuple(earlier))
    return [line] if line.times_fired >= LEAST_TIMES else run


def _runs(changes: Iterable[PastChange]) -> Iterator[list[PastChange]]:
    """Yield what each alert did without a longer pause, the newest first."""
    going_on: dict[str, list[PastChange]] = {}
    for change in changes:
        run = going_on.setdefault(change.fingerprint, [])
        if run and run[-1].at.at - change.at.at > MAX_APART:
            yield run
            run = going_on[change.fingerprint] = []
        run.append(change)
    yield from going_on.values()
