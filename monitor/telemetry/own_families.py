"""Declare the metrics of our own that a scrape reads, each in one row: name, help, labels, where it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from monitor.alerting.contact import TargetView
from monitor.alerting.query_view import QueryView
from monitor.telemetry.own_metrics import OwnMetric
from monitor.telemetry.readings import (
    Read,
    Reading,
    alert_counts,
    certificate_ends,
    held,
    interval,
    items_by_state,
    newest_piece,
    of_alerts,
    of_disk,
    of_monitor,
    of_query,
    of_receivers,
    of_server,
    of_target,
    oldest_active,
    oldest_confirmed,
    oldest_piece,
    seconds,
    series_left_out,
    shard_info,
    silence_counts,
    surplus_rights,
)

_Subject = TypeVar("_Subject")


@dataclass(frozen=True, slots=True)
class ReadMetric(OwnMetric, Generic[_Subject]):
    """A metric that is read from what is known; it has no series of what nobody knows."""

    read: Read[_Subject]


_TARGET = ("target",)
_JOB = ("target", "query")
_RECEIVER = ("receiver",)
_ALERTS = ("alertname", "severity", "state")

QUERY_METRICS: tuple[ReadMetric[QueryView], ...] = (
    ReadMetric(
        "token_monitor_query_last_run_timestamp_seconds",
        "When the last run finished",
        _JOB,
        "gauge",
        of_query(lambda view: seconds(view.last_run_at)),
    ),
    ReadMetric(
        "token_monitor_query_last_success_timestamp_seconds",
        "When the last run that gave data finished",
        _JOB,
        "gauge",
        of_query(lambda view: seconds(view.last_success_at)),
    ),
    ReadMetric(
        "token_monitor_query_interval_seconds",
        "How often the query runs; absent for cron schedules",
        _JOB,
        "gauge",
        of_query(interval),
    ),
    ReadMetric(
        "token_monitor_sweep_oldest_timestamp_seconds",
        "When the oldest piece of a sweep's last whole cycle was read",
        _JOB,
        "gauge",
        of_query(oldest_piece),
    ),
    ReadMetric(
        "token_monitor_sweep_newest_timestamp_seconds",
        "When the newest piece of a sweep's last whole cycle was read",
        _JOB,
        "gauge",
        of_query(newest_piece),
    ),
    ReadMetric(
        "token_monitor_query_last_duration_seconds",
        "How long the last run took",
        _JOB,
        "gauge",
        of_query(lambda view: view.duration_seconds),
    ),
)
"""What is read of each query on each target, in the order in which /metrics has it."""

QUERY_STATUS = OwnMetric(
    "token_monitor_query_status",
    "How the last due run went: 1 for the status that holds, 0 for those that held before",
    (*_JOB, "status"),
    "gauge",
)

SERIES_LEFT_OUT = ReadMetric(
    "token_monitor_rule_series_left_out",
    "Series that a rule which remembers does not judge, since it has as many as it may; absent where there are none",
    (*_JOB, "rule"),
    "gauge",
    series_left_out,
)

QUERY_ITEMS = ReadMetric(
    "token_monitor_query_items",
    "Items for which the query was asked in its last run, by how it went: ok, failed; absent where it has none",
    (*_JOB, "state"),
    "gauge",
    items_by_state,
)

TARGET_METRICS: tuple[ReadMetric[TargetView], ...] = (
    ReadMetric(
        "token_monitor_up",
        "Whether the target answered at the last contact",
        _TARGET,
        "gauge",
        of_target(lambda view: view.up),
    ),
    ReadMetric(
        "token_monitor_target_clock_offset_seconds",
        "How far the server's clock was ahead of ours at the last contact; below 0: behind",
        _TARGET,
        "gauge",
        of_server(lambda view, _server: view.clock_offset_seconds),
    ),
    ReadMetric(
        "token_monitor_target_read_only",
        "Whether the server takes no writes",
        _TARGET,
        "gauge",
        of_server(lambda _view, server: server.read_only),
    ),
    ReadMetric(
        "token_monitor_target_replica_lag_seconds",
        "How far the replica was behind its source at the last contact",
        _TARGET,
        "gauge",
        of_server(lambda view, _server: view.replica_lag_seconds),
    ),
    ReadMetric(
        "token_monitor_target_threads_running",
        "How many threads ran a statement on the server at the last look",
        _TARGET,
        "gauge",
        of_server(lambda _view, server: server.threads_running),
    ),
    ReadMetric(
        "token_monitor_target_load_ratio",
        "For which part of the ten minutes before the last run a statement of ours ran on the server",
        _TARGET,
        "gauge",
        of_target(lambda view: view.load.ratio),
    ),
    ReadMetric(
        "token_monitor_target_interval_stretch",
        "How many times their own intervals the queries that are not critical have, to stay within the share",
        _TARGET,
        "gauge",
        of_target(lambda view: view.load.stretch),
    ),
    ReadMetric(
        "token_monitor_certificate_expiry_timestamp_seconds",
        "When a certificate ends: the page's, a target's server's, or the one that we show it",
        ("certificate", "target"),
        "gauge",
        certificate_ends,
    ),
    ReadMetric(
        "token_monitor_target_surplus_rights",
        "Rights of the account that are more than reading",
        _TARGET,
        "gauge",
        of_server(surplus_rights),
    ),
    ReadMetric(
        "token_monitor_target_last_contact_timestamp_seconds",
        "When the target last answered",
        _TARGET,
        "gauge",
        of_target(lambda view: seconds(view.met_at)),
    ),
    ReadMetric(
        "token_monitor_deploys_open",
        "How many declared deployments of the target go on, for whose end alerts about changes wait",
        _TARGET,
        "gauge",
        of_target(lambda view: view.deploys_open),
    ),
)
"""What is read of each target."""

MONITOR_METRICS: tuple[ReadMetric[Reading], ...] = (
    ReadMetric(
        "token_monitor_alerts",
        "Alerts by state",
        _ALERTS,
        "gauge",
        alert_counts,
    ),
    ReadMetric(
        "token_monitor_outbox_notifications",
        "Notifications that the receiver has not taken yet",
        _RECEIVER,
        "gauge",
        of_receivers(lambda view: view.health.waiting),
    ),
    ReadMetric(
        "token_monitor_outbox_oldest_timestamp_seconds",
        "When the oldest notification in the outbox was created",
        _RECEIVER,
        "gauge",
        of_receivers(lambda view: seconds(view.health.oldest_at)),
    ),
    ReadMetric(
        "token_monitor_delivery_last_success_timestamp_seconds",
        "When the receiver last took what it was sent",
        _RECEIVER,
        "gauge",
        of_receivers(lambda view: seconds(view.taken_at)),
    ),
    ReadMetric(
        "token_monitor_alerts_oldest_active_timestamp_seconds",
        "When the oldest of these alerts began",
        _ALERTS,
        "gauge",
        of_alerts(oldest_active),
    ),
    ReadMetric(
        "token_monitor_alerts_oldest_confirmed_timestamp_seconds",
        "When data last confirmed them, of the one where that is longest ago",
        _ALERTS,
        "gauge",
        of_alerts(oldest_confirmed),
    ),
    ReadMetric(
        "token_monitor_alerts_held",
        "How many of them have no data, and stand as they were",
        _ALERTS,
        "gauge",
        of_alerts(held),
    ),
    ReadMetric(
        "token_monitor_silences",
        "Silences by state: active, pending, and expired ones that can still be looked up",
        ("state",),
        "gauge",
        silence_counts,
    ),
    ReadMetric(
        "token_monitor_config_last_reload_successful",
        "Whether the last load of the configuration succeeded",
        (),
        "gauge",
        of_monitor(lambda reading: reading.reload_ok),
    ),
    ReadMetric(
        "token_monitor_config_last_reload_success_timestamp_seconds",
        "When the configuration was last loaded with success",
        (),
        "gauge",
        of_monitor(lambda reading: seconds(reading.reloaded_at)),
    ),
    ReadMetric(
        "token_monitor_heartbeat_last_success_timestamp_seconds",
        "When the heartbeat's address last took one",
        (),
        "gauge",
        of_monitor(lambda reading: seconds(reading.heartbeat_at)),
    ),
    ReadMetric(
        "token_monitor_http_sd_last_success_timestamp_seconds",
        "When the list of targets was last had from its address",
        (),
        "gauge",
        of_monitor(lambda reading: seconds(reading.http_sd_at)),
    ),
    ReadMetric(
        "token_monitor_contract_last_read_successful",
        "Whether the last load could read the application's source; absent where there is none to read",
        (),
        "gauge",
        of_monitor(lambda reading: reading.contract_ok),
    ),
    ReadMetric(
        "token_monitor_shard_info",
        "Which of how many shards this is, counted from 0; absent where it watches all targets",
        ("shard", "shards"),
        "gauge",
        shard_info,
    ),
    ReadMetric(
        "token_monitor_state_durable",
        "Whether alerts and what is due to receivers would outlive this process",
        (),
        "gauge",
        of_monitor(lambda reading: reading.monitor.is_durable),
    ),
    ReadMetric(
        "token_monitor_state_size_bytes",
        "How large the state's files are together",
        (),
        "gauge",
        of_disk(lambda usage: usage.size_bytes),
    ),
    ReadMetric(
        "token_monitor_state_disk_free_bytes",
        "How much is free for us on the disk of the state",
        (),
        "gauge",
        of_disk(lambda usage: usage.free_bytes),
    ),
    ReadMetric(
        "token_monitor_log_events_dropped_total",
        "Log events that could not be written",
        (),
        "counter",
        of_monitor(lambda reading: reading.monitor.log_dropped),
    ),
)
"""What is read of the monitor as a whole."""

OWN_METRICS: tuple[OwnMetric, ...] = (
    *QUERY_METRICS,
    QUERY_STATUS,
    SERIES_LEFT_OUT,
    QUERY_ITEMS,
    *TARGET_METRICS,
    *MONITOR_METRICS,
)
"""Every metric that is read."""
