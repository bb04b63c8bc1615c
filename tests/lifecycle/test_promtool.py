"""Pending, firing and resolved mean what they mean in Prometheus: the same timelines through both.

Where we differ, we differ on purpose: no data is neither a value nor its end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.alerting.evaluate import evaluate, hold
from monitor.alerting.rule_input import BoundRule
from monitor.model.alerts import Alert, AlertState, Scope
from monitor.model.conditions import Condition, ConditionKind
from monitor.model.results import Sample, Success
from monitor.model.settings import Labels, Rule, Severity, labels_of
from monitor.timing.durations import format_duration

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (package prometheus)",
)

LONG_RUN = bool(os.environ.get("TOKEN_MONITOR_TEST_LONG"))
INTERVAL = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLANS = ("free", "pro")
COMPARE: Mapping[ConditionKind, str] = {
    "above": "{series} > 5",
    "below": "{series} < 5",
    "equals": "{series} == 5",
    "not_equals": "{series} != 5",
    "between": "{series} >= 5 <= 6",
    "not_between": "{series} < 5 or {series} > 6",
    "absent": "",
}
VALUES = st.sampled_from([4.0, 5.0, 6.0, 7.0, float("nan"), None])
"""None: the run gives no row about the plan."""

Run = Mapping[str, float | None] | None
"""What a run gives about each plan, or None where it gives no data at all."""


LENGTH = 12


@dataclass(frozen=True)
class Timeline:
    """A rule, and what its query gives at each interval."""

    kind: ConditionKind
    hold: timedelta
    keep_firing_for: timedelta
    runs: Sequence[Run]

    def rule(self, name: str) -> Rule:
        return Rule(
            name,
            metric(name),
            Condition(self.kind, 5.0, 6.0),
            Severity.WARNING,
            "" if self.kind == "absent" else "{value}",
            where=labels_of({"plan": "pro"}) if self.kind == "absent" else (),
            hold=self.hold,
            keep_firing_for=self.keep_firing_for,
        )


def metric(name: str) -> str:
    return f"tokens_{name.lower()}"


KINDS: st.SearchStrategy[ConditionKind] = st.sampled_from(("above", *COMPARE))
SPANS = st.sampled_from(
    [timedelta(seconds=seconds) for seconds in (0, 60, 90, 120, 180)]
)
RUNS: st.SearchStrategy[Run] = st.fixed_dictionaries(dict.fromkeys(PLANS, VALUES))
# For five minutes Prometheus takes a value for the present one.
GAPS: st.SearchStrategy[list[Run]] = st.lists(st.none(), max_size=3)

WITHOUT_GAPS = st.builds(
    Timeline, KINDS, SPANS, SPANS, st.lists(RUNS, min_size=LENGTH, max_size=LENGTH)
)
WITH_GAPS = st.builds(
    Timeline,
    KINDS,
    SPANS,
    st.just(timedelta(0)),
    st.lists(st.tuples(RUNS, GAPS), min_size=LENGTH, max_size=LENGTH).map(
        lambda pairs: [run for data, gap in pairs for run in (data, *gap)][:LENGTH]
    ),
)


def active(name: str, timeline: Timeline) -> list[list[Alert]]:
    """Return our alerts after each of the runs."""
    active: Mapping[Labels, Alert] = {}
    seen = []
    for number, run in enumerate(timeline.runs):
        if run is None:
            active = hold(active, muted_by=None)
        else:
            samples = tuple(
                Sample(metric(name), (("plan", plan),), value)
                for plan, value in run.items()
                if value is not None
            )
            active = evaluate(
                BoundRule(timeline.rule(name), Scope(name, "main", "balances")),
                active,
                Success(samples, len(samples)),
                now=EPOCH + number * INTERVAL,
                is_first=False,
            ).active
        seen.append(list(active.values()))
    return seen


def prometheus_rule(name: str, timeline: Timeline) -> dict[str, Any]:
    """Write the rule as Prometheus has it."""
    series = f'{metric(name)}{{target="main"}}'
    expression = COMPARE[timeline.kind].format(series=series)
    if timeline.kind == "absent":
        expression = f'absent({metric(name)}{{target="main", plan="pro"}})'
    return {
        "alert": name,
        "expr": expression,
        "for": format_duration(timeline.hold),
        "keep_firing_for": format_duration(timeline.keep_firing_for),
        "labels": {"severity": "warning"},
        "annotations": {} if timeline.kind == "absent" else {"summary": "{{ $value }}"},
    }


def input_series(name: str, timeline: Timeline) -> list[dict[str, str]]:
    """Write what the query gives: a row that is gone is a series that ended."""

    def value(run: Run, plan: str) -> str:
        if run is None:
            return "_"
        value = run[plan]
        return "stale" if value is None else "NaN" if value != value else f"{value:g}"

    return [
        {
            "series": f'{metric(name)}{{plan="{plan}", target="main"}}',
            "values": " ".join(value(run, plan) for run in timeline.runs),
        }
        for plan in PLANS
    ]


def expected(
    number: int, alerts: Mapping[str, list[Alert]]
) -> dict[str, list[dict[str, Any]]]:
    """Write what stands after one run, for promtool to compare: states, instants, what fires and its text."""
    at = format_duration(number * INTERVAL)
    active = [alert for ours in alerts.values() for alert in ours]
    firing = {
        name: [alert for alert in ours if alert.state is AlertState.FIRING]
        for name, ours in alerts.items()
    }
    return {
        "promql_expr_test": [
            {
                "eval_time": at,
                "expr": "ALERTS",
                "exp_samples": [
                    {
                        "labels": series("ALERTS", alert, alertstate=str(alert.state)),
                        "value": 1,
                    }
                    for alert in active
                ],
            },
            {
                "eval_time": at,
                "expr": "ALERTS_FOR_STATE",
                "exp_samples": [
                    {
                        "labels": series("ALERTS_FOR_STATE", alert),
                        "value": (alert.active_at - EPOCH).total_seconds(),
                    }
                    for alert in active
                ],
            },
        ],
        "alert_rule_test": [
            {
                "eval_time": at,
                "alertname": name,
                "exp_alerts": [
                    {
                        "exp_labels": {
                            key: value
                            for key, value in alert.labels
                            if key != "alertname"
                        },
                        "exp_annotations": dict(alert.annotations),
                    }
                    for alert in ours
                ],
            }
            for name, ours in firing.items()
        ],
    }


def series(name: str, alert: Alert, **more: str) -> str:
    labels = {**dict(alert.labels), **more}
    return (
        name
        + "{"
        + ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        + "}"
    )


def promtool_says(
    folder: Path, drawn: Mapping[str, Timeline], wanted: Sequence[dict[str, Any]]
) -> str:
    """Let promtool run all timelines at once; gives what it found otherwise than wanted."""
    rules, test = folder / "rules.yml", folder / "test.yml"
    group = {
        "name": "ours",
        "interval": format_duration(INTERVAL),
        "rules": [prometheus_rule(name, timeline) for name, timeline in drawn.items()],
    }
    rules.write_text(json.dumps({"groups": [group]}), encoding="utf-8")
    one = {
        "interval": format_duration(INTERVAL),
        "input_series": [
            row
            for name, timeline in drawn.items()
            for row in input_series(name, timeline)
        ],
    }
    for kind in ("promql_expr_test", "alert_rule_test"):
        one[kind] = [entry for entries in wanted for entry in entries.get(kind, [])]
    whole = {
        "rule_files": [str(rules)],
        "evaluation_interval": format_duration(INTERVAL),
        "tests": [one],
    }
    test.write_text(json.dumps(whole), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(test)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def difference(drawn: Sequence[Timeline], *, only_with_data: bool = False) -> str:
    """Return where Prometheus differs from us; of runs that gave data, or of all."""
    named = {f"Low{number}": timeline for number, timeline in enumerate(drawn)}
    ours = {name: active(name, timeline) for name, timeline in named.items()}
    wanted = []
    for number in range(len(drawn[0].runs)):
        compared = {
            name: ours[name][number]
            for name in named
            if named[name].runs[number] is not None
        }
        if only_with_data:
            wanted.append(
                {"alert_rule_test": expected(number, compared)["alert_rule_test"]}
            )
        else:
            wanted.append(expected(number, compared))
    with tempfile.TemporaryDirectory(prefix="tm-") as folder:
        return promtool_says(Path(folder), named, wanted)


@pytest.mark.timeout(900 if LONG_RUN else 120)
@settings(
    max_examples=400 if LONG_RUN else 20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(WITHOUT_GAPS, min_size=10, max_size=12))
def test_what_is_pending_and_fires_is_what_prometheus_says(
    drawn: list[Timeline],
) -> None:
    assert difference(drawn) == ""


@pytest.mark.timeout(900 if LONG_RUN else 120)
@settings(
    max_examples=200 if LONG_RUN else 10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(WITH_GAPS, min_size=10, max_size=12))
def test_after_a_short_gap_the_next_data_give_what_prometheus_says(
    drawn: list[Timeline],
) -> None:
    assert difference(drawn, only_with_data=True) == ""
    for timeline in drawn:
        seen = active("Low", timeline)
        for before, after, run in zip(seen, seen[1:], timeline.runs[1:], strict=False):
            if run is None:
                assert [(a.labels, a.state) for a in before] == [
                    (a.labels, a.state) for a in after
                ]


def a_timeline(row: str, *, hold: int = 0, keep: int = 0) -> Timeline:
    """Draw a timeline: X no data, 0r no rows, else the value about one plan."""

    def run(word: str) -> Run:
        return (
            None
            if word == "X"
            else {"pro": None if word == "0r" else float(word), "free": None}
        )

    return Timeline(
        "above", hold * INTERVAL, keep * INTERVAL, [run(word) for word in row.split()]
    )


def states(timeline: Timeline) -> list[str]:
    return [
        ",".join(str(alert.state) for alert in alerts)
        for alerts in active("Low0", timeline)
    ]


@pytest.mark.parametrize(
    ("timeline", "ours", "theirs"),
    [
        pytest.param(
            a_timeline("9 X X X X X X X 9"),
            ["firing"] * 9,
            # At five minutes sharp its versions differ.
            [*["firing"] * 5, None, "", "", "firing"],
            id="without data Prometheus resolves after five minutes, we do not",
        ),
        pytest.param(
            a_timeline("9 X X 1", hold=2),
            ["pending", "pending", "pending", ""],
            ["pending", "pending", "firing", ""],
            id="Prometheus fires by an old value, we only by a new one",
        ),
        pytest.param(
            a_timeline("9 1 X X 9", keep=2, hold=1),
            ["pending", "", "", "", "pending"],
            ["pending", "", "", "", "pending"],
            id="what was only pending is forgotten by both",
        ),
        pytest.param(
            a_timeline("9 9 1 X X 9", keep=2, hold=1),
            ["pending", "firing", "firing", "firing", "firing", "firing"],
            ["pending", "firing", "firing", "firing", "", "pending"],
            id="keep_firing_for ends in Prometheus by an old value, with us only by a new one",
        ),
    ],
)
def test_without_data_we_differ_from_prometheus_on_purpose(
    timeline: Timeline, ours: list[str], theirs: list[str | None], tmp_path: Path
) -> None:
    assert states(timeline) == ours
    samples = 'ALERTS{{alertname="Low0", alertstate="{}", plan="pro", severity="warning", target="main"}}'
    wanted = [
        {
            "promql_expr_test": [
                {
                    "eval_time": format_duration(number * INTERVAL),
                    "expr": "ALERTS",
                    "exp_samples": [{"labels": samples.format(state), "value": 1}]
                    if state
                    else [],
                }
            ]
        }
        for number, state in enumerate(theirs)
        if state is not None
    ]
    assert promtool_says(tmp_path, {"Low0": timeline}, wanted) == ""
