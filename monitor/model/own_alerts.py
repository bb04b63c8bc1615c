"""The names of the alerts about the monitor itself, by which the code knows them: those of own_rules.toml."""

from __future__ import annotations

from typing import Final

_PREFIX: Final = "TokenMonitor"
NOT_SILENCED: Final = "alerts named TokenMonitor* cannot be silenced: they say that others may not be told any more"

TARGET_DOWN: Final = "TokenMonitorTargetDown"
CONNECTIONS_REFUSED: Final = "TokenMonitorConnectionsRefused"
REPLICA_LAGGING: Final = "TokenMonitorReplicaLagging"
ACCESS_DENIED: Final = "TokenMonitorAccessDenied"
QUERY_FAILING: Final = "TokenMonitorQueryFailing"
QUERY_STALE: Final = "TokenMonitorQueryStale"
CLOCK_SKEW: Final = "TokenMonitorClockSkew"
READ_ONLY: Final = "TokenMonitorReadOnly"
CERTIFICATE_EXPIRING: Final = "TokenMonitorCertificateExpiring"
DELIVERY_FAILING: Final = "TokenMonitorDeliveryFailing"
STATE_DISK_LOW: Final = "TokenMonitorStateDiskLow"
CONFIG_REJECTED: Final = "TokenMonitorConfigRejected"
ALERTS_LIMITED: Final = "TokenMonitorAlertsLimited"
WATCHDOG: Final = "TokenMonitorWatchdog"


def is_own(alertname: str) -> bool:
    """Return whether alerts of this name are about the monitor itself, and not a finding of a query."""
    return alertname.startswith(_PREFIX)
