"""What the pipeline last published, for every thread: written by the pipeline alone, read by all who show or ask."""

from __future__ import annotations

from datetime import datetime

from monitor.alerting.self_status import SelfStatus
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert


class Latest:
    """Holds the newest values. Each is frozen and replaced as a whole, so that readers need no lock."""

    def __init__(self, snapshot: Snapshot, at: datetime) -> None:
        self.snapshot = snapshot
        self.evaluated_at = at
        """When a tick last went through whole: what depends on time alone has been evaluated since."""
        self.self_status = SelfStatus()
        """How the monitor itself did then."""

    def get(self) -> Snapshot:
        """Return the newest snapshot."""
        return self.snapshot

    def alerts(self) -> tuple[Alert, ...]:
        """Return its alerts: pending, firing, and recently resolved."""
        return self.snapshot.alerts

    def last_evaluated_at(self) -> datetime:
        """Return when what depends on time alone was last evaluated."""
        return self.evaluated_at
