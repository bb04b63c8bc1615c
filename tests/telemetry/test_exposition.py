from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric as Family
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import (
    generate_latest as generate_openmetrics,
)
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse_text

from monitor.alerting.configured import empty_snapshot, for_config
from monitor.alerting.receivers import with_receiver
from monitor.alerting.snapshot import (
    Snapshot,
    with_alerts,
    with_missed,
    with_series_left_out,
)
from monitor.model.alerts import AlertState, Delivery, ReceiverHealth
from monitor.model.contract import (
    ApplicationReading,
    ContractFiles,
    ContractSettings,
)
from monitor.model.deferral import Deferred
from monitor.model.errors import Reason
from monitor.model.for_each import FailedItem, ItemOutcomes
from monitor.model.kills import KILL_REASONS, Kill
from monitor.model.metric_kinds import Bucket, HistogramColumns
from monitor.model.results import Blocked, Outcome, Sample, ServerWarning
from monitor.model.schedules import Cron, Every
from monitor.model.settings import Config, Metric, labels_of
from monitor.model.silences import SILENCE_REFUSALS, Silence, SilenceState
from monitor.telemetry import own_metrics
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.exposition import (
    Exposition,
    ScrapeRequest,
    declared_metrics,
)
from monitor.telemetry.negotiation import OPENMETRICS, TEXT, negotiated
from monitor.telemetry.own_metrics import Counted, OwnMetric
from monitor.telemetry.readings import MonitorState, Reading, silence_counts
from monitor.telemetry.text_format import EOF, LineFormat, head
from tests.support.snapshots import with_result
from tests.web.picture import (
    BALANCES,
    COLUMN_GONE,
    COLUMNS,
    FAILURE,
    GONE,
    LOST,
    MISSING,
    NOW,
    OWN,
    SUBSCRIBERS,
    UNINITIALIZED,
    WELL,
    a_config,
    a_query,
    a_result,
    a_snapshot,
    a_target,
    an_alert,
    seconds,
    subscribers,
    success,
    the_incident,
)

PROCESS = ("process_", "python_info", "token_monitor_build_info")


class Scrape:
    """An exposition over a snapshot that the test can exchange."""

    def __init__(
        self, config: Config, snapshot: Snapshot | None = None, *, now: datetime = NOW
    ) -> None:
        self.telemetry = Telemetry("1.2.3")
        self.telemetry.declare(config)
        self.snapshot = snapshot or empty_snapshot(config)
        self.now = now
        self.dropped = 0
        self.exposition = Exposition(
            self.telemetry,
            lambda: self.snapshot,
            lambda: self.now,
            monitor=lambda: MonitorState(log_dropped=self.dropped),
        )

    def text(self, accept: str = "") -> str:
        return self.exposition.scrape(ScrapeRequest(accept)).body.decode()

    def series(self, *starts: str) -> dict[str, float]:
        """Return the series whose names begin so, as they stand in the exposition."""
        lines = (line for line in self.text().splitlines() if line.startswith(starts))
        return {
            series: float(value)
            for series, value in (line.rsplit(" ", 1) for line in lines)
        }


def domain(scrape: Scrape) -> list[str]:
    return [line for line in scrape.text().splitlines() if "token_s" in line]


def test_domain_series_carry_the_targets_labels_and_stand_together_under_one_help() -> (
    None
):
    config = a_config(a_target("eu", region="eu"), a_target("us"), queries=(BALANCES,))
    assert domain(Scrape(config, a_snapshot(config))) == [
        "# HELP token_subscribers Users with an active subscription, by plan and state of their balance "
        "(as of the last run, every 1m)",
        "# TYPE token_subscribers gauge",
        'token_subscribers{plan="pro",region="eu",status="needs_init",target="eu"} 0.0',
        'token_subscribers{plan="pro",region="eu",status="ok",target="eu"} 7.0',
        'token_subscribers{plan="pro",status="needs_init",target="us"} 0.0',
        'token_subscribers{plan="pro",status="ok",target="us"} 7.0',
    ]


def test_the_help_tells_how_often_the_queries_run() -> None:
    other = replace(
        a_query("other"), metrics=(SUBSCRIBERS,), schedule=Every(seconds(300))
    )
    daily = replace(other, name="daily", schedule=Cron("0 3 * * *"))
    config = a_config(queries=(BALANCES, other, daily))
    outcomes = {
        "balances": success(subscribers("pro", "ok", 1)),
        "other": success(subscribers("pro", "low", 1)),
        "daily": success(subscribers("pro", "empty", 1)),
    }
    helped = domain(Scrape(config, a_snapshot(config, outcomes)))[0]
    assert helped.endswith("(as of the last run, every 1m to 5m, cron 0 3 * * *)")


@pytest.mark.parametrize("outcome", [FAILURE, LOST, Blocked((MISSING,)), success()])
def test_what_a_run_no_longer_gives_is_gone_at_the_next_scrape(
    outcome: Outcome,
) -> None:
    config = a_config(queries=(BALANCES,))
    scrape = Scrape(config, a_snapshot(config))
    assert len(scrape.series("token_subscribers")) == 2
    scrape.snapshot = with_result(scrape.snapshot, a_result(config.jobs[0], outcome))
    assert scrape.series("token_subscribers") == {}


def test_expired_series_are_gone() -> None:
    config = a_config(queries=(BALANCES,))
    scrape = Scrape(config, a_snapshot(config))
    scrape.now = NOW + seconds(189)
    assert len(scrape.series("token_subscribers")) == 2
    scrape.now = NOW + seconds(190)
    assert scrape.series("token_subscribers") == {}


def test_a_metric_that_is_not_exported_stays_out() -> None:
    config = a_config(
        queries=(a_query(metrics=(replace(SUBSCRIBERS, exported=False),)),)
    )
    assert domain(Scrape(config, a_snapshot(config))) == []


def test_a_counter_keeps_its_name_and_type() -> None:
    counter = Metric(
        "token_usage_events_total", "Usage events", value="n", kind="counter"
    )
    config = a_config(queries=(a_query(metrics=(counter,)),))
    sample = Sample("token_usage_events_total", (), 5.0)
    scrape = Scrape(config, a_snapshot(config, {"balances": success(sample)}))
    assert [line for line in scrape.text().splitlines() if "token_usage" in line] == [
        "# HELP token_usage_events_total Usage events (as of the last run, every 1m)",
        "# TYPE token_usage_events_total counter",
        'token_usage_events_total{target="main"} 5.0',
    ]
    families = {family.name: family for family in openmetrics(scrape)}
    assert families["token_usage_events"].type == "counter"


TYPES = (
    Metric(
        "replica_state",
        "What a replica does",
        value="state",
        kind="stateset",
        states=("running", "stopped"),
    ),
    Metric(
        "server_info",
        "What a server is",
        labels=("version",),
        kind="info",
        constant=1.0,
    ),
    Metric(
        "waits_seconds",
        "How long jobs waited",
        labels=("queue",),
        kind="histogram",
        histogram=HistogramColumns((Bucket("0.5", "fast"),), "took", "jobs"),
    ),
)


def of_types() -> tuple[Snapshot, Config]:
    config = a_config(queries=(a_query(metrics=TYPES),))
    samples = [
        Sample("replica_state", (("replica_state", "running"),), 1.0),
        Sample("replica_state", (("replica_state", "stopped"),), 0.0),
        Sample("server_info", (("version", "10.11"),), 1.0),
    ]
    for queue in ("mail", "pay"):
        of_queue = ("queue", queue)
        samples += [
            Sample("waits_seconds_bucket", (("le", "0.5"), of_queue), 3.0),
            Sample("waits_seconds_bucket", (("le", "+Inf"), of_queue), 5.0),
            Sample("waits_seconds_count", (of_queue,), 5.0),
            Sample("waits_seconds_sum", (of_queue,), 41.5),
        ]
    return a_snapshot(config, {"balances": success(*samples)}), config


def scrape_of_types() -> Scrape:
    snapshot, config = of_types()
    return Scrape(config, snapshot)


def test_statesets_infos_and_histograms_are_what_openmetrics_wants() -> None:
    families = {family.name: family for family in openmetrics(scrape_of_types())}
    kinds = {name: families[name].type for name in ("replica_state", "server")}
    assert kinds == {"replica_state": "stateset", "server": "info"}
    histogram = families["waits_seconds"]
    assert histogram.type == "histogram"
    assert [(one.name, one.labels.get("le"), one.value) for one in histogram.samples][
        :4
    ] == [
        ("waits_seconds_bucket", "0.5", 3.0),
        ("waits_seconds_bucket", "+Inf", 5.0),
        ("waits_seconds_count", None, 5.0),
        ("waits_seconds_sum", None, 41.5),
    ]
    assert len(histogram.samples) == 8


def test_the_older_format_has_statesets_and_infos_as_gauges() -> None:
    lines = scrape_of_types().text().splitlines()
    types = [line for line in lines if line.startswith("# TYPE")]
    assert {
        "# TYPE replica_state gauge",
        "# TYPE server_info gauge",
        "# TYPE waits_seconds histogram",
    } <= set(types)
    assert 'server_info{target="main",version="10.11"} 1.0' in lines


def openmetrics(scrape: Scrape) -> list[Family]:
    text = scrape.text("application/openmetrics-text; version=1.0.0")
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # it has no types


def test_a_series_that_two_queries_give_is_there_once_and_the_other_is_counted() -> (
    None
):
    config = a_config(queries=(BALANCES, replace(BALANCES, name="copy")))
    outcomes = {
        "balances": success(subscribers("pro", "ok", 1)),
        "copy": success(subscribers("pro", "ok", 2), subscribers("free", "ok", 3)),
    }
    scrape = Scrape(config, a_snapshot(config, outcomes))
    assert scrape.series("token_subscribers", "token_monitor_exposition") == {
        'token_subscribers{plan="pro",status="ok",target="main"}': 1,
        'token_subscribers{plan="free",status="ok",target="main"}': 3,
        "token_monitor_exposition_skipped_total": 1,
    }
    assert scrape.series("token_monitor_exposition") == {
        "token_monitor_exposition_skipped_total": 2
    }


@pytest.mark.parametrize(
    ("metric", "sample"),
    [
        (Metric("no name", "", value="n"), Sample("no name", (), 1.0)),
        (Metric("a", "", value="n"), Sample("a", (), None)),  # type: ignore[arg-type]  # a bug elsewhere
        (
            Metric("token_monitor_up", "", value="n"),
            Sample("token_monitor_up", (), 1.0),
        ),
        (
            Metric("token_subscribers", "", value="n", kind="counter"),
            Sample("token_subscribers", (), 1.0),
        ),
    ],
)
def test_a_family_that_cannot_be_rendered_costs_itself_and_nothing_else(
    metric: Metric, sample: Sample
) -> None:
    config = a_config(queries=(BALANCES, a_query("odd", metrics=(metric,))))
    outcomes = {"balances": WELL["balances"], "odd": success(sample)}
    scrape = Scrape(config, a_snapshot(config, outcomes))
    assert scrape.series("token_subscribers", "token_monitor_up") == {
        'token_subscribers{plan="pro",status="needs_init",target="main"}': 0,
        'token_subscribers{plan="pro",status="ok",target="main"}': 7,
        'token_monitor_up{target="main"}': 1,
    }
    assert scrape.series("token_monitor_exposition") == {
        "token_monitor_exposition_skipped_total": 2
    }
    assert len(openmetrics(scrape)) > 10


def test_a_help_that_utf_8_cannot_carry_is_repaired() -> None:
    config = a_config(queries=(a_query(metrics=(Metric("a", "\udc80", value="n"),)),))
    snapshot = a_snapshot(config, {"balances": success(Sample("a", (), 1.0))})
    assert (
        "# HELP a ? (as of the last run, every 1m)\n" in Scrape(config, snapshot).text()
    )


def test_odd_label_values_are_escaped_or_repaired_and_read_back() -> None:
    config = a_config(queries=(BALANCES,))
    odd = ['a"b\\c\nd', "Größe ✓", "{}", "half\udc80"]
    outcome = success(*(subscribers(plan, "ok", 1) for plan in odd))
    text = Scrape(config, a_snapshot(config, {"balances": outcome})).text()
    plans = [
        s.labels["plan"]
        for f in parse_text(text)
        for s in f.samples
        if s.name == "token_subscribers"
    ]
    assert plans == ['a"b\\c\nd', "Größe ✓", "{}", "half?"]


def test_a_target_is_up_or_down_only_after_the_first_contact() -> None:
    config = a_config(
        a_target("eu"), a_target("us"), a_target("ap"), queries=(BALANCES,)
    )
    snapshot = empty_snapshot(config)
    outcomes: tuple[Outcome, ...] = (success(), LOST, Blocked((MISSING,)))
    for job, outcome in zip(config.jobs, outcomes, strict=True):
        snapshot = with_result(snapshot, a_result(job, outcome))
    assert Scrape(config, snapshot).series("token_monitor_up") == {
        'token_monitor_up{target="eu"}': 1,
        'token_monitor_up{target="us"}': 0,
    }


def test_known_series_begin_at_zero_and_times_only_when_they_are_known() -> None:
    config = a_config(queries=(BALANCES,))
    scrape = Scrape(config)
    job = 'query="balances",target="main"'
    own = scrape.series("token_monitor")
    kills = {
        f'token_monitor_kill_failures_total{{reason="{reason}",target="main"}}': 0.0
        for reason in KILL_REASONS
    }
    rules = (
        ("TokenBalancesUninitialized", "critical"),
        ("TokenMonitorTargetDown", "critical"),
    )
    alerts = {
        f'token_monitor_alerts{{alertname="{name}",severity="{severity}",state="{state}"}}': 0.0
        for name, severity in rules
        for state in ("pending", "firing")
    }
    refusals = {
        f'token_monitor_silence_refusals_total{{reason="{reason}"}}': 0.0
        for reason in SILENCE_REFUSALS
    }
    silences = {
        f'token_monitor_silences{{state="{state}"}}': 0.0 for state in SilenceState
    }
    assert own == {
        'token_monitor_build_info{version="1.2.3"}': 1.0,
        f"token_monitor_query_runs_total{{{job}}}": 0.0,
        f"token_monitor_query_missed_total{{{job}}}": 0.0,
        f"token_monitor_query_failed_runs_total{{{job}}}": 0.0,
        'token_monitor_target_interval_stretch{target="main"}': 1.0,
        'token_monitor_deploys_open{target="main"}': 0.0,
        'token_monitor_target_deferred_runs_total{reason="busy",target="main"}': 0.0,
        'token_monitor_target_deferred_runs_total{reason="replica_lagging",target="main"}': 0.0,
        "token_monitor_pipeline_failures_total": 0.0,
        f'token_monitor_query_duration_seconds_bucket{{le="+Inf",{job}}}': 0.0,
        f"token_monitor_query_duration_seconds_count{{{job}}}": 0.0,
        f"token_monitor_query_duration_seconds_sum{{{job}}}": 0.0,
        f"token_monitor_query_interval_seconds{{{job}}}": 60.0,
        'token_monitor_deliveries_total{receiver="oncall"}': 0.0,
        'token_monitor_outbox_notifications{receiver="oncall"}': 0.0,
        'token_monitor_outbox_refused_total{receiver="oncall"}': 0.0,
        "token_monitor_log_events_dropped_total": 0.0,
        "token_monitor_heartbeats_total": 0.0,
        "token_monitor_http_sd_refreshes_total": 0.0,
        "token_monitor_contract_read_failures_total": 0.0,
        "token_monitor_state_durable": 1.0,
        "token_monitor_exposition_skipped_total": 0.0,
        'token_monitor_kills_total{target="main"}': 0.0,
        'token_monitor_query_status{query="balances",status="waiting",target="main"}': 1.0,
        **kills,
        **alerts,
        **refusals,
        **silences,
    }


def test_runs_deliveries_and_reloads_are_counted() -> None:
    config = a_config(queries=(BALANCES,))
    job = config.jobs[0]
    scrape = Scrape(config)
    outcomes: tuple[Outcome, ...] = (success(), FAILURE, LOST, Blocked((MISSING,)))
    for second, outcome in enumerate(outcomes):
        result = a_result(job, outcome, NOW + seconds(second))
        scrape.telemetry.run_finished(result)
        scrape.snapshot = with_result(scrape.snapshot, result)
    scrape.telemetry.missed(job, 2)
    scrape.snapshot = with_missed(scrape.snapshot, job.key, 2)
    scrape.telemetry.delivered(Delivery("oncall", NOW, 0.1))
    scrape.telemetry.delivered(Delivery("oncall", NOW, 0.1, reason="timeout"))
    scrape.snapshot = with_receiver(
        scrape.snapshot, "oncall", ReceiverHealth(waiting=4, oldest_at=NOW)
    )
    scrape.telemetry.reloaded(True, NOW - seconds(3600))
    scrape.telemetry.move(seconds(3600))  # the clock was set
    scrape.telemetry.reloaded(False, NOW + seconds(60))
    scrape.dropped = 9
    key = 'query="balances",target="main"'
    counted = {
        series: value
        for series, value in scrape.series("token_monitor").items()
        if value
    }
    stamp = NOW.timestamp()
    expected = {
        'token_monitor_up{target="main"}': 0.0,
        f"token_monitor_query_runs_total{{{key}}}": 3.0,
        'token_monitor_query_failures_total{query="balances",reason="query_error",target="main"}': 1.0,
        'token_monitor_query_failures_total{query="balances",reason="target_down",target="main"}': 1.0,
        f"token_monitor_query_failed_runs_total{{{key}}}": 2.0,
        f"token_monitor_query_duration_seconds_count{{{key}}}": 3.0,
        f"token_monitor_query_duration_seconds_sum{{{key}}}": 0.075,
        f'token_monitor_query_duration_seconds_bucket{{le="+Inf",{key}}}': 3.0,
        f"token_monitor_query_last_duration_seconds{{{key}}}": 0.025,
        f"token_monitor_query_missed_total{{{key}}}": 2.0,
        f"token_monitor_query_last_run_timestamp_seconds{{{key}}}": stamp + 2.025,
        f"token_monitor_query_last_success_timestamp_seconds{{{key}}}": stamp + 0.025,
        'token_monitor_query_status{query="balances",status="skipped",target="main"}': 1.0,
        'token_monitor_deliveries_total{receiver="oncall"}': 2.0,
        'token_monitor_delivery_failures_total{reason="timeout",receiver="oncall"}': 1.0,
        'token_monitor_outbox_notifications{receiver="oncall"}': 4.0,
        'token_monitor_outbox_oldest_timestamp_seconds{receiver="oncall"}': stamp,
        "token_monitor_config_last_reload_success_timestamp_seconds": stamp,
        "token_monitor_log_events_dropped_total": 9.0,
        "token_monitor_state_durable": 1.0,
    }
    assert {series: counted.get(series, 0.0) for series in expected} == expected
    assert scrape.series("token_monitor_config_last_reload_successful") == {
        "token_monitor_config_last_reload_successful": 0.0
    }


def test_every_metric_that_is_declared_is_named_and_labelled_as_the_formats_want() -> (
    None
):
    declared = declared_metrics()
    names = [one.name for one in declared]
    assert sorted(set(names)) == sorted(names)
    for one in declared:
        assert one.name.startswith("token_monitor_"), one.name
        assert one.name.endswith("_total") is (one.kind == "counter"), one.name
        assert one.help, one.name
    assert {
        one.name for one in vars(own_metrics).values() if isinstance(one, OwnMetric)
    } < set(names)


def test_every_counter_counts_something() -> None:
    config = a_config(queries=(BALANCES,))
    job = config.jobs[0]
    telemetry = Telemetry("1.2.3")
    telemetry.declare(config)
    failed = FailedItem("eu", Reason.TIMEOUT, "no result")
    remarked = replace(
        success(),
        evidence_errors=("gone",),
        warnings=(ServerWarning(1287, "old"),),
        items=ItemOutcomes(2, (failed,)),
    )
    telemetry.run_finished(a_result(job, remarked))
    telemetry.run_finished(a_result(job, FAILURE))
    telemetry.run_finished(a_result(job, Deferred("busy", "it is")))
    telemetry.missed(job, 1)
    telemetry.unjudged(job.key)
    telemetry.crashed()
    telemetry.killed(Kill("main", KILL_REASONS[0], "no"))
    telemetry.delivered(Delivery("oncall", NOW, 0.1, reason="timeout"))
    telemetry.refused("oncall", 1)
    telemetry.silence_refused("unknown")
    telemetry.heartbeat(Delivery("heartbeat", NOW, 0.1, reason="timeout"))
    telemetry.http_sd(Delivery("http_sd", NOW, 0.1, reason="timeout"))
    unread = ApplicationReading(fault="no such folder")
    telemetry.contract_read(
        ContractFiles(ContractSettings((Path("app"),)), "", {"app": unread})
    )
    idle = [
        counted.value.name
        for counted in Counted
        if not any(value > 0 for _labels, value in telemetry.series(counted))
    ]
    assert idle == [], "declared, and never counted"


def test_silences_are_counted_by_what_they_are_now() -> None:
    config = a_config(queries=(BALANCES,))
    hour = timedelta(hours=1)
    active = Silence("a", (), NOW - hour, NOW + hour, NOW)
    pending = replace(active, id="p", starts_at=NOW + hour, ends_at=NOW + 2 * hour)
    expired = replace(active, id="e", ends_at=NOW)
    silences = {one.id: one for one in (active, pending, expired)}
    reading = Reading(replace(a_snapshot(config), silences=silences), NOW)
    assert dict(silence_counts(reading)) == {
        ("active",): 1,
        ("pending",): 1,
        ("expired",): 1,
    }


def test_alerts_are_counted_by_rule_state_and_severity_and_resolved_ones_are_not() -> (
    None
):
    config = a_config(queries=(COLUMNS, BALANCES))
    alerts = (
        an_alert(plan="pro"),
        an_alert(plan="free"),
        an_alert(state=AlertState.PENDING, plan="trial"),
        an_alert(GONE, AlertState.RESOLVED),
        an_alert(replace(UNINITIALIZED, name="TokenOfAnOldConfig")),
    )
    scrape = Scrape(config, with_alerts(a_snapshot(config), alerts))
    counts = {
        series: value
        for series, value in scrape.series("token_monitor_alerts{").items()
        if value
    }
    assert counts == {
        'token_monitor_alerts{alertname="TokenBalancesUninitialized",severity="critical",state="firing"}': 2,
        'token_monitor_alerts{alertname="TokenBalancesUninitialized",severity="critical",state="pending"}': 1,
        'token_monitor_alerts{alertname="TokenOfAnOldConfig",severity="critical",state="firing"}': 1,
    }


def test_alerts_say_how_old_they_are_and_how_old_what_is_known_of_them_is() -> None:
    config = a_config(queries=(COLUMNS, BALANCES))
    snapshot = with_alerts(
        a_snapshot(config),
        (
            an_alert(plan="pro", since=NOW - seconds(50)),
            replace(an_alert(plan="free", since=NOW - seconds(70)), held=True),
            an_alert(
                GONE,
                AlertState.PENDING,
                subject="missing_columns",
                since=NOW - seconds(9),
            ),
            an_alert(GONE, AlertState.RESOLVED, subject="missing_columns"),
            replace(
                an_alert(OWN, subject=""), held=True
            ),  # of before the start, and not judged since
        ),
    )
    found = Scrape(config, snapshot).series("token_monitor_alerts_")
    labels = 'alertname="TokenBalancesUninitialized",severity="critical",state="firing"'
    gone = 'alertname="TokenColumnMissing",severity="critical",state="pending"'
    own = 'alertname="TokenMonitorTargetDown",severity="critical",state="firing"'
    noon = NOW.timestamp()
    assert found == {
        f"token_monitor_alerts_oldest_active_timestamp_seconds{{{labels}}}": noon - 70,
        f"token_monitor_alerts_oldest_active_timestamp_seconds{{{gone}}}": noon - 9,
        f"token_monitor_alerts_oldest_active_timestamp_seconds{{{own}}}": noon - 300,
        f"token_monitor_alerts_oldest_confirmed_timestamp_seconds{{{labels}}}": noon,
        f"token_monitor_alerts_oldest_confirmed_timestamp_seconds{{{gone}}}": noon,
        f"token_monitor_alerts_held{{{labels}}}": 1.0,
        f"token_monitor_alerts_held{{{gone}}}": 0.0,
        f"token_monitor_alerts_held{{{own}}}": 1.0,
    }


def test_a_reload_forgets_what_it_removed_and_keeps_the_counts_of_the_rest() -> None:
    old, new = a_config(), a_config(queries=(BALANCES,), receivers=("chat",))
    scrape = Scrape(old)
    for job in old.jobs:
        scrape.telemetry.run_finished(a_result(job, FAILURE))
    scrape.telemetry.delivered(Delivery("oncall", NOW, 0.1, reason="timeout"))
    scrape.telemetry.declare(new)
    scrape.snapshot = for_config(scrape.snapshot, new)
    for job in old.jobs:  # a late result of a removed job brings nothing back
        scrape.telemetry.run_finished(a_result(job, success()))
        scrape.telemetry.missed(job, 1)
    scrape.telemetry.delivered(Delivery("oncall", NOW, 0.1))
    text = scrape.text()
    assert "missing_columns" not in text
    assert "oncall" not in text
    assert scrape.series(
        "token_monitor_query_runs_total", "token_monitor_deliveries_total"
    ) == {
        'token_monitor_query_runs_total{query="balances",target="main"}': 2,
        'token_monitor_deliveries_total{receiver="chat"}': 0,
    }


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0", True),
        ("application/openmetrics-text; version=0.0.1", False),
        ("application/openmetrics-text; version=9.9.9", False),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.9", False),
        # Prometheus 2.42 and 3
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            True,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            True,
        ),
        ("application/openmetrics-text; version=x; q=nonsense", False),
        ("application/openmetrics-text; q=nonsense", False),
        (";;;,,,===\x00", False),
    ],
)
def test_the_format_follows_the_accept_header(accept: str, expected: bool) -> None:
    chosen = negotiated(accept)
    assert chosen.is_openmetrics is expected
    scraped = Scrape(a_config()).exposition.scrape(ScrapeRequest(accept))
    assert scraped.format == chosen
    assert chosen.content_type.startswith(OPENMETRICS if expected else TEXT)
    assert scraped.body.endswith(b"# EOF\n") is expected


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("", ""),
        (";escaping=allow-utf-8", "; escaping=allow-utf-8"),
        ("; escaping=underscores", "; escaping=underscores"),
        (";escaping=values", "; escaping=values"),
        (';escaping="allow-utf-8"', "; escaping=allow-utf-8"),
        # It would double each underscore; ours are as they are.
        (";escaping=dots", "; escaping=underscores"),
        (";escaping=nonsense", ""),
    ],
)
def test_the_content_type_says_how_names_are_escaped_to_who_asks(
    asked: str, answered: str
) -> None:
    accept = f"application/openmetrics-text;version=1.0.0{asked};q=0.6,text/plain;q=0.3"
    assert negotiated(accept).content_type == OPENMETRICS + answered


def pictures() -> Iterator[tuple[str, Snapshot, Config]]:
    config = a_config(a_target("eu", region="eu"), a_target("us"))
    yield "nothing yet", empty_snapshot(config), config
    yield "all well", a_snapshot(config), config
    yield "column gone", a_snapshot(config, COLUMN_GONE), config
    yield "incident", the_incident(config), config
    yield "all types", *of_types()


@pytest.mark.parametrize(
    ("snapshot", "config"), [pytest.param(s, c, id=n) for n, s, c in pictures()]
)
def test_both_formats_hold_the_same_series(snapshot: Snapshot, config: Config) -> None:
    scrape = Scrape(config, snapshot)

    def series(
        families: Iterable[Family],
    ) -> list[tuple[str, tuple[tuple[str, str], ...], float]]:
        return [
            (sample.name, labels_of(sample.labels), sample.value)
            for family in families
            for sample in family.samples
            if not sample.name.startswith(PROCESS)
        ]

    text = series(parse_text(scrape.text()))
    assert text == series(openmetrics(scrape))
    assert len(text) == len({(name, labels) for name, labels, _ in text})


class One:
    """A collector of one family, for the library's own renderer."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        yield self._family


label_values = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.one_of(
    st.floats(), st.integers(-(10**20), 10**20), st.sampled_from([0, 1, 10**6, 0.1])
)


@given(
    kind=st.sampled_from(["gauge", "counter", "unknown"]),
    text=label_values,
    series=st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(["a", "b", "le"]), label_values), values
        ),
        max_size=4,
    ),
)
def test_what_we_write_reads_as_what_the_library_writes(
    kind: str, text: str, series: list[tuple[dict[str, str], float]]
) -> None:
    family = Family("token_thing", text, kind)
    name = "token_thing_total" if kind == "counter" else "token_thing"
    lines = b""
    for labels, value in series:
        family.add_sample(name, labels, value)
        line_format = LineFormat(name, tuple(labels))
        lines += line_format.line(tuple(labels.values()), value).encode()
    heads = head(name, text, kind)
    ours = (heads.text + lines).decode()
    theirs = generate_latest(One(family)).decode()
    assert ours.split("\n")[:2] == theirs.split("\n")[:2]
    assert [_parts(line) for line in ours.split("\n")] == [
        _parts(line) for line in theirs.split("\n")
    ]
    openmetrics_theirs = generate_openmetrics(One(family))  # type: ignore[no-untyped-call]  # it has no types
    openmetrics_ours = heads.openmetrics + lines + EOF
    assert [_parts(line) for line in openmetrics_ours.decode().split("\n")] == [
        _parts(line) for line in openmetrics_theirs.decode().split("\n")
    ]


def _parts(line: str) -> tuple[str, str | float]:
    """Split a series from its number, which may be written in two ways."""
    series, _, number = line.rpartition(" ")
    if line.startswith("#") or not series:
        return line, ""
    return series, "NaN" if number == "NaN" else float(number)


@pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (package prometheus)",
)
@pytest.mark.parametrize(
    ("snapshot", "config"), [pytest.param(s, c, id=n) for n, s, c in pictures()]
)
def test_promtool_finds_nothing_to_complain_of(
    snapshot: Snapshot, config: Config
) -> None:
    scrape = Scrape(config, snapshot)
    scrape.telemetry.reloaded(True, NOW)
    body = scrape.exposition.scrape().body
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, timeout=30
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_series_without_a_place_in_a_memory_have_a_line_for_their_rule() -> None:
    config = a_config(queries=(BALANCES,))
    scrape = Scrape(config)
    name = "token_monitor_rule_series_left_out"
    assert scrape.series(name) == {}
    key = config.jobs[0].key
    target, query = key
    scrape.snapshot = with_series_left_out(scrape.snapshot, key, {"PlanNew": 3})
    labels = f'query="{query}",rule="PlanNew",target="{target}"'
    assert scrape.series(name) == {f"{name}{{{labels}}}": 3.0}
    scrape.snapshot = with_series_left_out(scrape.snapshot, key, {})
    assert scrape.series(name) == {}


def test_how_many_items_of_a_query_gave_data_is_shown_of_the_last_run() -> None:
    config = a_config(queries=(BALANCES,))
    scrape = Scrape(config)
    name = "token_monitor_query_items"
    assert scrape.series(name) == {}
    failed = FailedItem("eu", Reason.TIMEOUT, "no result")
    scrape.snapshot = with_result(
        scrape.snapshot,
        a_result(config.jobs[0], replace(success(), items=ItemOutcomes(5, (failed,)))),
    )
    key = 'query="balances"'
    assert scrape.series(name) == {
        f'{name}{{{key},state="failed",target="main"}}': 1.0,
        f'{name}{{{key},state="ok",target="main"}}': 4.0,
    }
    scrape.snapshot = with_result(scrape.snapshot, a_result(config.jobs[0], FAILURE))
    assert scrape.series(name) == {}
