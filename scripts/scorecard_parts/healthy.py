"""Healthy days with all that happens on them and must page nobody; on a world, counted by what was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from scripts.scorecard_parts.play import Told, told_of
from scripts.scorecard_parts.world import World

DAY = timedelta(days=1)
Happen = Callable[[World], None]


def _import(world: World) -> None:
    world.life.sign_up(500, world.at)


def _upgrade(world: World) -> None:
    world.life.upgrade(1)


def _upgrade_200(world: World) -> None:
    world.life.upgrade(200)


def _downgrade(world: World) -> None:
    world.life.downgrade(4)


def _renewal_day(world: World) -> None:
    world.life.renew("MOD(u.id, 5) < 2")


def _signups_not_used(world: World) -> None:
    world.life.sign_up(40, world.at)


def _restart(world: World) -> None:
    world.restart_server()


def _deploy(world: World) -> None:
    """Migrate a column of no concern, with the application away meanwhile."""
    with world.root.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE users ADD COLUMN IF NOT EXISTS theme VARCHAR(20) NULL"
        )
        cursor.execute("ALTER TABLE users DROP COLUMN theme")
    world.look(timedelta(minutes=2))


def _holiday(world: World) -> None:
    rhythm = world.rhythm
    days = rhythm.holidays | {world.at.date()}
    world.rhythm = world.application.rhythm = replace(rhythm, holidays=days)


def _burst(world: World) -> None:
    burst = (world.at, world.at + timedelta(hours=2), 3.0)
    bursts = (*world.rhythm.bursts, burst)
    world.rhythm = world.application.rhythm = replace(world.rhythm, bursts=bursts)


HAPPENINGS: Mapping[str, tuple[int, int, Happen]] = {
    "40 sign-ups, not yet used": (1, 10, _signups_not_used),
    "an import of 500 users": (2, 11, _import),
    "one upgrade": (3, 9, _upgrade),
    "a deploy with a migration": (4, 14, _deploy),
    "200 upgrades": (5, 13, _upgrade_200),
    "4 downgrades": (6, 12, _downgrade),
    "a renewal day": (7, 3, _renewal_day),
    "a holiday": (9, 0, _holiday),
    "a marketing burst, 3 times for 2 hours": (11, 15, _burst),
    "a planned restart": (13, 2, _restart),
}
"""The day of a fortnight and the hour at which each happens."""
_FORTNIGHT = 14


@dataclass(frozen=True, slots=True)
class HealthyDays:
    """What was told on healthy days."""

    seed: int
    days: int
    step_seconds: float
    pages: tuple[str, ...]
    """Each with its instant and what had happened last."""
    resolves: int
    failures: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {name: getattr(self, name) for name in self.__slots__}


def live(world: World, days: int, step: timedelta) -> Iterator[HealthyDays]:
    """Let healthy days pass, a fortnight's happenings again and again; yields after each day what is known."""
    begins = world.at
    pages: list[str] = []
    resolves = 0
    last = "nothing special"
    for day in range(1, days + 1):
        while world.at < begins + day * DAY:
            for name, happen in due(begins, world.at, world.at + step):
                happen(world)
                last = name
            told = told_of(world.step(step), world.at)
            resolves += sum(not one.is_firing for one in told)
            pages += [_line(page, last) for page in told if page.is_page]
        failures = tuple(dict.fromkeys(world.watcher.heard.failures))
        yield HealthyDays(
            world.seed, day, step.total_seconds(), tuple(pages), resolves, failures[:5]
        )


def _line(page: Told, last: str) -> str:
    return f"{page.at:%Y-%m-%d %H:%M} {page.alerts[0]}: {page.summary} (last: {last})"


def due(begins: datetime, after: datetime, until: datetime) -> list[tuple[str, Happen]]:
    """Return what happens within a step."""
    found = []
    for name, (day, hour, happen) in HAPPENINGS.items():
        fortnights = (after - begins) // (_FORTNIGHT * DAY)
        midnight = begins.replace(hour=0, minute=0, second=0, microsecond=0)
        at = midnight + (fortnights * _FORTNIGHT + day) * DAY + timedelta(hours=hour)
        if after < at <= until:
            found.append((name, happen))
    return found
