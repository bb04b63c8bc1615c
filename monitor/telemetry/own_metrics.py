"""Declare the metrics of our own: those that are counted as things happen, each in one place.

What is only read at a scrape is declared in `own_families`. From a declaration follow the counter and its
registration, when its series begin and end, and what docs/metrics.md has to say (tests/project/test_docs.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias, get_args

from monitor.model.kills import KILL_REASONS
from monitor.model.load_limits import PutOffReason
from monitor.model.settings import Config
from monitor.model.silences import SILENCE_REFUSALS

MetricKind: TypeAlias = Literal["counter", "gauge", "histogram"]
Key: TypeAlias = tuple[str, ...]
"""Names an owner of series: a job by target and query, a target or a receiver by its name."""


@dataclass(frozen=True, slots=True)
class OwnMetric:
    """A metric of our own, by its public name (of a counter with _total) and the labels of its series."""

    name: str
    help: str
    labels: tuple[str, ...]
    kind: MetricKind


def _monitor(_config: Config) -> Iterable[Key]:
    return [()]


def _jobs(config: Config) -> Iterable[Key]:
    return [job.key for job in config.all_jobs]


def _targets(config: Config) -> Iterable[Key]:
    return [(target.name,) for target in config.targets]


def _receivers(config: Config) -> Iterable[Key]:
    return [(receiver.name,) for receiver in config.receivers]


def _outboxes(config: Config) -> Iterable[Key]:
    return [(one.name,) for one in config.receivers if one.takes_notifications]


@dataclass(frozen=True, slots=True)
class _OwnerKind:
    """The labels that name an owner, in the order of its key, and which ones a configuration has."""

    labels: tuple[str, ...]
    keys: Callable[[Config], Iterable[Key]]


class Owner(Enum):
    """What a counter's series belong to: they begin and end with it when a configuration is loaded."""

    MONITOR = _OwnerKind((), _monitor)
    JOB = _OwnerKind(("target", "query"), _jobs)
    TARGET = _OwnerKind(("target",), _targets)
    RECEIVER = _OwnerKind(("receiver",), _receivers)
    OUTBOX = _OwnerKind(("receiver",), _outboxes)
    """A receiver that has an outbox: not an Alertmanager, which is sent all that is active again."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels that name the owner, in the order of its key."""
        return self.value.labels

    def keys_in(self, config: Config) -> frozenset[Key]:
        """Return all owners of this kind that a configuration has."""
        return frozenset(self.value.keys(config))


@dataclass(frozen=True, slots=True)
class CountedMetric(OwnMetric):
    """A metric that only goes up.

    `known` are the values of its last label that begin at 0; without them such a series begins with its first
    event. So does one that is `rare`: each costs a line for each query of each target.
    """

    owner: Owner
    known: tuple[str, ...] = ()
    is_rare: bool = False

    @property
    def is_divided(self) -> bool:
        """Return whether there are several series of one owner, by a label beyond those that name it."""
        return self.labels != self.owner.labels


def _counter(
    name: str,
    what: str,
    owner: Owner,
    by: tuple[str, ...] = (),
    known: tuple[str, ...] = (),
    *,
    is_rare: bool = False,
) -> CountedMetric:
    labels = (*owner.labels, *by)
    return CountedMetric(name, what, labels, "counter", owner, known, is_rare)


class Counted(Enum):
    """Every counter of our own."""

    RUNS = _counter(
        "token_monitor_query_runs_total",
        "Runs of the query on the target",
        Owner.JOB,
    )
    FAILED_RUNS = _counter(
        "token_monitor_query_failed_runs_total",
        "Runs that gave no data",
        Owner.JOB,
    )
    FAILURES = _counter(
        "token_monitor_query_failures_total",
        "Runs that gave no data, by reason",
        Owner.JOB,
        by=("reason",),
    )
    MISSED = _counter(
        "token_monitor_query_missed_total",
        "Runs that were due and not made, since the last one was not over",
        Owner.JOB,
    )
    DEFERRED = _counter(
        "token_monitor_target_deferred_runs_total",
        "Runs that were put off for the server's sake, by reason",
        Owner.TARGET,
        by=("reason",),
        known=get_args(PutOffReason),
    )
    RULE_FAILURES = _counter(
        "token_monitor_rule_failures_total",
        "How often a rule of the query could not judge its result",
        Owner.JOB,
        is_rare=True,
    )
    EVIDENCE_FAILURES = _counter(
        "token_monitor_evidence_failures_total",
        "Look-ups of examples for an alert of the query that failed",
        Owner.JOB,
        is_rare=True,
    )
    ITEM_FAILURES = _counter(
        "token_monitor_query_item_failures_total",
        "Items of the query that gave no data in a run, by reason",
        Owner.JOB,
        by=("reason",),
        is_rare=True,
    )
    SERVER_WARNINGS = _counter(
        "token_monitor_server_warnings_total",
        "Answers on which the server remarked something that spoils no result, by its code",
        Owner.JOB,
        by=("code",),
    )
    PIPELINE_FAILURES = _counter(
        "token_monitor_pipeline_failures_total",
        "Results and other messages that were lost by a defect or a lock",
        Owner.MONITOR,
    )
    KILLS = _counter(
        "token_monitor_kills_total",
        "Attempts to stop a statement on the server",
        Owner.TARGET,
    )
    KILL_FAILURES = _counter(
        "token_monitor_kill_failures_total",
        "Statements that could not be stopped, by reason",
        Owner.TARGET,
        by=("reason",),
        known=KILL_REASONS,
    )
    DELIVERIES = _counter(
        "token_monitor_deliveries_total",
        "Attempts at the receiver",
        Owner.RECEIVER,
    )
    DELIVERY_FAILURES = _counter(
        "token_monitor_delivery_failures_total",
        "Attempts that the receiver did not take, by reason",
        Owner.RECEIVER,
        by=("reason",),
    )
    REFUSED = _counter(
        "token_monitor_outbox_refused_total",
        "Alerts that began while the receiver's outbox was full",
        Owner.OUTBOX,
    )
    SILENCE_REFUSALS = _counter(
        "token_monitor_silence_refusals_total",
        "Silences, their ends and acknowledgements that were asked for and refused, by reason",
        Owner.MONITOR,
        by=("reason",),
        known=SILENCE_REFUSALS,
    )
    HEARTBEATS = _counter(
        "token_monitor_heartbeats_total",
        "Attempts at the heartbeat's address",
        Owner.MONITOR,
    )
    HEARTBEAT_FAILURES = _counter(
        "token_monitor_heartbeat_failures_total",
        "Heartbeats that were not taken, by reason",
        Owner.MONITOR,
        by=("reason",),
    )
    HTTP_SD = _counter(
        "token_monitor_http_sd_refreshes_total",
        "How often the address with the list of targets was asked",
        Owner.MONITOR,
    )
    HTTP_SD_FAILURES = _counter(
        "token_monitor_http_sd_failures_total",
        "Requests for the list of targets that gave none, by reason",
        Owner.MONITOR,
        by=("reason",),
    )
    CONTRACT_FAILURES = _counter(
        "token_monitor_contract_read_failures_total",
        "Loads that could not read the application's source",
        Owner.MONITOR,
    )


RUN_DURATION = CountedMetric(
    "token_monitor_query_duration_seconds",
    "How long runs took: waiting for a connection, the statement, its evidence",
    Owner.JOB.labels,
    "histogram",
    Owner.JOB,
)
BUILD_INFO = OwnMetric(
    "token_monitor_build_info",
    "The version of the monitor",
    ("version",),
    "gauge",
)
