"""What is newest, for every thread: the snapshot that the pipeline published, the configuration in force."""

from __future__ import annotations

from datetime import datetime

from monitor.alerting.configured import empty_snapshot
from monitor.alerting.self_status import SelfStatus
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert
from monitor.model.settings import Config


class Latest:
    """Holds the newest values. Each is frozen and replaced as a whole, so that readers need no lock."""

    def __init__(self, config: Config, at: datetime) -> None:
        self.config = config
        """In force; written by the main thread, all else by the pipeline's."""
        self.snapshot = empty_snapshot(config, at)
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
