"""The page of 1,000 targets, over results that are made up: as many databases no machine of ours has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from monitor.alerting.snapshot import Snapshot, with_alerts
from monitor.model.alerts import Alert
from monitor.model.settings import Config, labels_of
from tests.support.snapshots import with_result
from tests.web.picture import (
    COLUMN_GONE,
    GONE,
    LOST,
    NOW,
    OWN,
    UNINITIALIZED,
    a_config,
    a_result,
    a_snapshot,
    a_target,
    an_alert,
    seconds,
)
from tests.web.serving import ServedState, serving

COUNT = 1000
_LOST = ("db-0117", "db-0118", "db-0119")
_BROKEN = "db-0500"
_DOWN = replace(OWN, group_summary="{count} targets cannot be reached")


@contextmanager
def fleet_page() -> Iterator[str]:
    """Serve it; gives its address."""
    targets = (a_target(f"db-{number:04}") for number in range(COUNT))
    config = a_config(*targets, own_rules=(_DOWN,))
    served = ServedState(config, fleet_snapshot(config), NOW + seconds(25))
    with serving(served) as client:
        yield f"http://{client.host}:{client.port}"


def fleet_snapshot(config: Config) -> Snapshot:
    """Make a snapshot in which a host is lost and a migration did not run on one target."""
    snapshot = a_snapshot(config)
    for job in config.jobs:
        if job.target.name in _LOST:
            snapshot = with_result(snapshot, a_result(job, LOST))
        elif job.target.name == _BROKEN:
            outcome = COLUMN_GONE[job.query.name]
            snapshot = with_result(snapshot, a_result(job, outcome))
    return with_alerts(snapshot, list(_alerts()))


def _alerts() -> Iterator[Alert]:
    root = an_alert(
        GONE,
        subject="missing_columns",
        target=_BROKEN,
        table="users",
        column="tokens_remaining",
    )
    texts = {"summary": f"users.tokens_remaining is missing on {_BROKEN}"}
    repair = {"repair": "ALTER TABLE users ADD COLUMN tokens_remaining INT NULL;"}
    yield replace(root, annotations=labels_of({**texts, **repair}))
    muted = an_alert(UNINITIALIZED, target=_BROKEN, plan="pro", value=41)
    texts = {"summary": f"41 active pro subscribers on {_BROKEN} have no balance"}
    yield replace(
        muted, held=True, muted_by=root.fingerprint, annotations=labels_of(texts)
    )
    for name in _LOST:
        lost = an_alert(_DOWN, target=name, subject="", since=NOW - seconds(245))
        texts = {"summary": f"{name} cannot be reached"}
        yield replace(lost, annotations=labels_of(texts))
