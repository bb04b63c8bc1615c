"""Play one incident on a world that was kept: calm before it, the incident, and what was told meanwhile."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pymysql

from monitor.model.alerts import Alert, AlertState, Notification
from monitor.model.settings import Severity
from scripts.scorecard_parts.incident import Incident, Scene
from scripts.scorecard_parts.world import Kept, World

MINUTE = timedelta(minutes=1)
_FINE, _FINE_FOR = timedelta(seconds=30), timedelta(minutes=10)
_CALM = timedelta(minutes=5)
_HOUR = timedelta(hours=1)
_COARSE = timedelta(minutes=5)
_AFTER_CAUSE = timedelta(minutes=12)
_LATER = timedelta(minutes=45)
_AFTER_LATER = timedelta(minutes=20)
_HIDDEN = ("alertname", "target", "severity")


@dataclass(frozen=True, slots=True)
class Told:
    """A notification: what fires or resolves by it."""

    at: datetime
    is_firing: bool
    severity: str
    alerts: tuple[str, ...]
    """Each as `Name{label=value,…}`."""
    summary: str

    @property
    def is_page(self) -> bool:
        """Return whether it calls somebody."""
        return self.is_firing and self.severity != Severity.INFO


@dataclass(frozen=True, slots=True)
class Played:
    """One incident, and what was told before and during it."""

    incident: Incident
    size: float
    seed: int
    began_at: datetime
    before: tuple[Told, ...]
    told: tuple[Told, ...]
    failures: tuple[str, ...]
    """Runs of the monitor that failed meanwhile."""


def play(world: World, kept: Kept, incident: Incident, size: float) -> Played:
    """Bring the world back, let the incident happen, and return what was told."""
    world.bring_back(kept)
    return play_now(world, incident, size)


def play_now(world: World, incident: Incident, size: float) -> Played:
    """Let the incident happen in the world as it is, and return what was told."""
    rng = random.Random(f"{world.seed} {incident.kind} {size}")
    before = _pass(world, _CALM + MINUTE * rng.randrange(5))
    world.watcher.heard.failures.clear()
    began_at = world.at
    scene = Scene(world, size, rng)
    incident.begin(scene)
    told = _Play(scene, incident, began_at).watch()
    failures = tuple(dict.fromkeys(world.watcher.heard.failures))
    return Played(
        incident, size, world.seed, began_at, tuple(before), tuple(told), failures
    )


@dataclass(slots=True)
class _Play:
    scene: Scene
    incident: Incident
    began_at: datetime

    def watch(self) -> list[Told]:
        """Go on until it is known what is told of the incident."""
        told: list[Told] = []
        later = self.incident.later
        until = self.began_at + (
            _LATER + _AFTER_LATER if later else self.incident.longest
        )
        while self.scene.world.at < until:
            if later and self.scene.world.at == self.began_at + _LATER:
                later(self.scene)
            if self.incident.each_step:
                self._happen_again()
            came = told_of(self.scene.world.step(self._step()), self.scene.world.at)
            told += came
            if later is None and any(map(self._names_cause, came)):
                until = min(until, self.scene.world.at + _AFTER_CAUSE)
        return told

    def _step(self) -> timedelta:
        age = self.scene.world.at - self.began_at
        if age < _FINE_FOR:
            return _FINE
        return MINUTE if age < _HOUR else _COARSE

    def _happen_again(self) -> None:
        try:
            if self.incident.each_step:
                self.incident.each_step(self.scene)
        except pymysql.MySQLError:
            return  # the server is not there, or does not let it happen

    def _names_cause(self, told: Told) -> bool:
        return told.is_page and matches(self.incident.cause, told.alerts)


def told_of(notifications: Iterable[Notification], at: datetime) -> list[Told]:
    """Return notifications as what a person reads in them: what fires apart from what resolves."""
    found: list[Told] = []
    for notification in notifications:
        for state in (AlertState.FIRING, AlertState.RESOLVED):
            alerts = [one for one in notification.alerts if one.state is state]
            if alerts:
                found.append(_told(alerts, at))
    return found


def matches(expression: str, alerts: Iterable[str]) -> bool:
    """Return whether an expression is found in one of the alerts; an empty one is in none."""
    return bool(expression) and any(re.search(expression, alert) for alert in alerts)


def _told(alerts: list[Alert], at: datetime) -> Told:
    severity = min((one.severity for one in alerts), key=list(Severity).index)
    summary = dict(alerts[0].annotations).get("summary", "")
    is_firing = alerts[0].state is AlertState.FIRING
    return Told(at, is_firing, str(severity), tuple(map(_text, alerts)), summary)


def _text(alert: Alert) -> str:
    labels = ",".join(
        f"{name}={value}" for name, value in alert.labels if name not in _HIDDEN
    )
    return f"{alert.name}{{{labels}}}"


def _pass(world: World, length: timedelta) -> list[Told]:
    told: list[Told] = []
    ends = world.at + length
    while world.at < ends:
        told += told_of(world.step(MINUTE), world.at)
    return told
