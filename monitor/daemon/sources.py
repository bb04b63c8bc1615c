"""What the pipeline asks of the other parts; between it and what `parts` builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.alerting.self_status import SelfStatus
from monitor.model.alerts import ReceiverHealth
from monitor.model.settings import Config, JobKey


@dataclass(frozen=True, slots=True)
class Sources:
    """What the pipeline asks others at a tick or at a result; answered at once, from memory or the state."""

    receivers: Callable[[], Mapping[str, ReceiverHealth]]
    """How each receiver does."""
    next_run_at: Callable[[JobKey], datetime | None]
    """When the job runs next."""
    self_status: Callable[[], SelfStatus] = SelfStatus
    """What is wrong with the configuration and the page's certificate."""

    def receivers_of(self, config: Config) -> dict[str, ReceiverHealth]:
        """Return how the receivers of a configuration do; one that a reload removed may be on its way out."""
        known = {receiver.name for receiver in config.receivers}
        found = self.receivers()
        return {name: health for name, health in found.items() if name in known}
