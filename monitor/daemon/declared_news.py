"""Log what people declare of deployments, silences and alerts; a part of `events`."""

from __future__ import annotations

from typing import assert_never

from monitor.model.alerts import Alert
from monitor.model.deploys import DeployChange, DeployNews
from monitor.model.silences import Acknowledge, MaintenanceWindow, SilenceNews
from monitor.telemetry.dedup import Fields
from monitor.telemetry.log import Level, Log


class DeclaredEvents:
    """Writes an event for each thing that is declared, begins or is over."""

    def __init__(self, log: Log) -> None:
        self._declared_log = log

    def on_deploy(self, news: DeployNews) -> None:
        """Log what became of a declared deployment."""
        level = level_of(news.change)
        self._declared_log.event(f"deploy.{news.change}", level, **fields_of(news))

    def on_silence(self, news: SilenceNews) -> None:
        """Log what became of a silence, and who did it."""
        silence = news.silence
        fields: Fields = {
            "id": silence.id,
            "matchers": [str(matcher) for matcher in silence.matchers],
            "by": news.by or silence.by,
            "comment": silence.comment,
            "starts_at": silence.starts_at,
            "ends_at": silence.ends_at,
        }
        self._declared_log.info(f"silence.{news.change}", **fields)

    def on_acknowledged(self, alert: Alert, request: Acknowledge) -> None:
        """Log that somebody knows of an alert, or does not after all."""
        event = "alert.unacknowledged" if request.withdraws else "alert.acknowledged"
        self._declared_log.info(
            event,
            alertname=alert.name,
            fingerprint=alert.fingerprint,
            target=alert.scope.target,
            by=request.by,
            comment=request.comment,
        )

    def on_maintenance(self, window: MaintenanceWindow, *, is_open: bool) -> None:
        """Log that a maintenance window has opened or closed."""
        event = "maintenance.started" if is_open else "maintenance.ended"
        self._declared_log.info(event, name=window.name, comment=window.comment)


def level_of(change: DeployChange) -> Level:
    """Return how loud it is: that somebody forgot to end a deployment is worth a look."""
    match change:
        case DeployChange.EXPIRED:
            return "warning"
        case DeployChange.BEGUN | DeployChange.ENDED | DeployChange.ACCEPTED:
            return "info"
        case _:
            assert_never(change)


def fields_of(news: DeployNews) -> Fields:
    """Return what there is to say of it."""
    deploy = news.deploy
    fields: Fields = {"target": news.target, "source": deploy.source.value}
    if deploy.by:
        fields["by"] = deploy.by
    if news.change is DeployChange.ACCEPTED:
        return fields
    fields["reason"] = deploy.reason
    fields["began_at"] = deploy.began_at
    fields["ends_at"] = deploy.ends_at
    return fields
