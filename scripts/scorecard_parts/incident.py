"""What an incident is: how it begins, by which alerts it may be called; between the lists of kinds and the play."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

from scripts.scorecard_parts.behaviour import Behaviour
from scripts.scorecard_parts.world import World

SHARES = (0.005, 0.02, 0.10, 0.5)
"""Sizes that most kinds have: of the calls, the users or the rows."""


@dataclass(slots=True)
class Scene:
    """A world in which something goes wrong, and how much of it."""

    world: World
    size: float
    rng: random.Random

    def sql(self, statement: str) -> int:
        """Change something as root does; returns how many rows."""
        with self.world.root.cursor() as cursor:
            return cursor.execute(statement)

    def value(self, statement: str) -> Any:
        """Return the single value that a statement gives."""
        with self.world.root.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
            return None if row is None else row[0]

    def behave(self, **changes: Any) -> None:
        """Have the application do a part of its work otherwise."""
        application = self.world.application
        application.behaviour = replace(application.behaviour, **changes)

    def share_of(self, column: str) -> str:
        """Return a condition that holds for the share of rows that the size says, by a number in them."""
        salt = self.rng.randrange(10_000)
        return f"MOD({column} * 7919 + {salt}, 10000) < {round(self.size * 10_000)}"

    def plan(self) -> str:
        """Draw one of the plans."""
        return self.rng.choice(("starter", "pro", "business", "team"))


Happen: TypeAlias = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Incident:
    """One kind; `cause` and `symptoms` are expressions over an alert as `Name{label=value,…}`."""

    kind: str
    group: str
    cause: str
    begin: Happen
    sizes: Sequence[float] = SHARES
    symptoms: str = ""
    """Alerts that are true beside it: what follows from it."""
    ends: str = ""
    """Alerts that may resolve meanwhile: what they tell of has happened once, and does not go on."""
    each_step: Happen | None = None
    """What goes on happening, beside what the application does."""
    longest: timedelta = timedelta(hours=1)
    """For so long it is waited for what is told of it."""
    later: Happen | None = None
    """What happens a quarter of an hour after it began, and is no repair."""


def nothing(_scene: Scene) -> None:
    """Change nothing at the beginning."""


def behaving(**changes: Callable[[Scene], Any]) -> Happen:
    """Have the application behave otherwise, each part by the scene."""

    def begin(scene: Scene) -> None:
        scene.behave(**{name: make(scene) for name, make in changes.items()})

    return begin


def sql(*statements: str) -> Happen:
    """Run statements; `{users}`, `{subscriptions}`, `{rows}` are conditions for the share, `{plan}` is a plan."""

    def begin(scene: Scene) -> None:
        values = {
            "users": scene.share_of("users.id"),
            "subscriptions": scene.share_of("user_subscriptions.user_id"),
            "rows": scene.share_of("token_usage_history.id"),
            "plan": scene.plan(),
            "size": scene.size,
        }
        for statement in statements:
            scene.sql(statement.format(**values))

    return begin


def usual(scene: Scene) -> Behaviour:
    """Return what the application does now."""
    return scene.world.application.behaviour
