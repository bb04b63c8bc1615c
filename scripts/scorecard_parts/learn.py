"""Let a world live until the monitor knows what is usual, and keep it at hours of the week after that."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.scorecard_parts.behaviour import USUAL
from scripts.scorecard_parts.watcher import coarse
from scripts.scorecard_parts.world import Kept, World

BEGINS = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
COARSE = timedelta(minutes=5)
_COARSEST = timedelta(minutes=15)
_BEFORE = timedelta(minutes=30)
_LAST = timedelta(days=1)
_WEEK = timedelta(days=7)


def learn(world: World, length: timedelta) -> None:
    """Let time pass in coarse steps; those of the last day are finer."""
    ends = world.at + length
    world.watcher.use(coarse(world.config, _COARSEST))
    _pass(world, ends - _LAST, _COARSEST)
    world.watcher.use(coarse(world.config, COARSE))
    _pass(world, ends, COARSE)


def recover(world: World, length: timedelta) -> None:
    """Let the application work as it should again, for so long."""
    world.application.behaviour = USUAL
    world.watcher.use(coarse(world.config, _COARSEST))
    _pass(world, world.at + length, _COARSEST)
    world.watcher.use(world.config)


def keep_hours(world: World, folder: Path, count: int) -> Sequence[Kept]:
    """Keep the world at so many hours of the next week, by its seed; of less, where it has not lived as long."""
    rng = random.Random(world.seed)
    begins = world.at
    span = min(_WEEK, world.at - BEGINS)
    hours = sorted(rng.sample(range(1, span // timedelta(hours=1)), count))
    kept = []
    for hour in hours:
        at = begins + timedelta(hours=hour)
        _pass(world, at - _BEFORE, _COARSEST)
        _pass(world, at, COARSE)
        kept.append(world.keep(folder / str(hour)))
    return kept


def _pass(world: World, until: datetime, step: timedelta) -> None:
    while world.at < until:
        world.step(min(step, until - world.at))
