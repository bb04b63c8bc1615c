"""Put into an event what became of a declared deployment; for the log, pure."""

from __future__ import annotations

from typing import assert_never

from monitor.model.deploys import DeployChange, DeployNews
from monitor.telemetry.dedup import Fields
from monitor.telemetry.log import Level


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
