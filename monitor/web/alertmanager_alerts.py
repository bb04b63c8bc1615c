"""Write what fires as version 2 of Alertmanager's API does, so that amtool and Karma read it; pure.

Pending alerts are left out: an Alertmanager never knows them. Keys are public; those that newer Alertmanagers
have too are there. Evidence never is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from monitor.alerting.receivers import wanting
from monitor.alerting.shown import confirmed_at, shown_annotations
from monitor.model.alerts import Alert
from monitor.model.settings import Config
from monitor.model.silences import is_window
from monitor.web.api import Json, time_text
from monitor.web.asked_alerts import AskedAlerts
from monitor.web.views import Scene

_ENDS_IN: Final = timedelta(minutes=5)
"""As Alertmanager's resolve_timeout: by then it will have been said again that the alert fires."""
_NOBODY: Final = "none"
"""A group of alerts has a receiver in any case."""


def alerts_json(asked: AskedAlerts, scene: Scene, config: Config) -> Json:
    """Return what fires and is asked for."""
    return [body for body, _ in _bodies(asked, scene, config)]


def groups_json(asked: AskedAlerts, scene: Scene, config: Config) -> Json:
    """Return what fires and is asked for by receiver, and then by alert name and target."""
    groups: dict[tuple[str, str, str], list[Json]] = {}
    for body, alert in _bodies(asked, scene, config):
        for receiver in asked.among(wanting(config.receivers, alert)) or [_NOBODY]:
            key = (receiver, alert.name, alert.scope.target)
            groups.setdefault(key, []).append(body)
    return [_group_json(*key, groups[key]) for key in sorted(groups)]


def _group_json(receiver: str, name: str, target: str, alerts: list[Json]) -> Json:
    return {
        "labels": {"alertname": name, "target": target},
        "receiver": {"name": receiver},
        "alerts": alerts,
    }


def _bodies(
    asked: AskedAlerts, scene: Scene, config: Config
) -> Iterator[tuple[Json, Alert]]:
    for alert in filter(asked.wants, scene.snapshot.alerts):
        receivers = wanting(config.receivers, alert)
        if asked.is_for_one_of(receivers):
            yield _alert_json(alert, receivers, scene, config), alert


def _alert_json(
    alert: Alert, receivers: Iterable[str], scene: Scene, config: Config
) -> Json:
    confirmed = confirmed_at(alert, scene.snapshot, scene.evaluated_at)
    return {
        "annotations": shown_annotations(alert),
        "endsAt": time_text(scene.now + _ENDS_IN),
        "fingerprint": alert.fingerprint,
        "receivers": [{"name": name} for name in receivers],
        "startsAt": time_text(alert.fired_at),
        "status": _status_json(alert),
        "updatedAt": time_text(confirmed or alert.fired_at),
        "generatorURL": _page_of(alert, config),
        "labels": dict(alert.labels),
    }


def _page_of(alert: Alert, config: Config) -> str:
    base = config.external_url.rstrip("/")
    return f"{base}/alerts/{alert.fingerprint}" if base else ""


def _status_json(alert: Alert) -> Json:
    silenced_by = alert.silenced_by
    inhibited_by = tuple(filter(None, [alert.muted_by]))
    is_suppressed = bool((*silenced_by, *inhibited_by))
    return {
        "inhibitedBy": inhibited_by,
        # Of newer Alertmanagers; who reads only the next one hears of windows too.
        "mutedBy": tuple(filter(is_window, silenced_by)),
        "silencedBy": silenced_by,
        "state": "suppressed" if is_suppressed else "active",
    }
