"""token-monitor: SQL health queries on a schedule, as Prometheus metrics and alerts."""

__version__ = "0.1.0"
