"""Examples of what rules that remember found before: of a real server, by the runs that come after."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.collector.examples_of_alerts import with_examples_of_alerts
from monitor.collector.findings import RunFindings
from monitor.model.alerts import Alert, AlertState, Scope
from monitor.model.results import EvidenceRow, Rows, Success
from monitor.model.settings import Job, Severity, labels_of
from tests.queries.conftest import Bench
from tests.queries.tokens import NOW, Data, Usage, replace_rows

NOTHING_YET = RunFindings(Rows((), ()), Success((), 0))
MOST = [
    *[Usage(7, 300, "SEO title", 60) for _ in range(5)],
    *[Usage(8, 300, "seo title", 60) for _ in range(2)],
    *[Usage(9, 300, "rewrite", 60) for _ in range(9)],
]


def looked_up(
    bench: Bench, folder: Path, name: str, rule: str, state: str, **labels: str
) -> tuple[EvidenceRow, ...]:
    """Return the examples that a run finds for an alert of the run before."""
    identity = {"alertname": rule, "severity": "warning", "target": "main"}
    alert = Alert(
        Scope(rule, "main", name),
        labels_of({**identity, **labels}),
        Severity.WARNING,
        AlertState(state),
        15.0,
        NOW,
    )
    query = bench.load(folder, {"history_id": "nr"})[name]
    job = Job(replace(bench.target, name="main"), query)
    after = with_examples_of_alerts(
        NOTHING_YET, job, bench.session, [alert], time.monotonic() + 10
    )
    assert after.success.evidence_errors == ()
    return after.success.evidence.get((rule, alert.labels), ())


@pytest.mark.parametrize(
    ("query", "rule", "labels", "users"),
    [
        (
            "recent_usage",
            "TokenUsageUnusual",
            {"action": "seo title", "window": "5m"},
            [(7, 5), (8, 2)],
        ),
        (
            "recent_usage",
            "TokenUsageTotalUnusual",
            {"window": "5m"},
            [(9, 9), (7, 5), (8, 2)],
        ),
        ("usage_by_user", "TokenUserUnusual", {}, [(9, 9), (7, 5), (8, 2)]),
    ],
)
def test_who_used_most_of_late_is_named(
    tokens: Bench,
    tmp_path: Path,
    query: str,
    rule: str,
    labels: dict[str, str],
    users: list[tuple[int, int]],
) -> None:
    replace_rows(tokens.connection, Data([], [], MOST))
    rows = looked_up(tokens, tmp_path, query, rule, "pending", **labels)
    assert [(row["user_id"], row["uses"]) for row in rows] == users


def test_what_is_over_is_not_looked_up(tokens: Bench, tmp_path: Path) -> None:
    replace_rows(tokens.connection, Data([], [], MOST))
    rows = looked_up(tokens, tmp_path, "usage_by_user", "TokenUserUnusual", "resolved")
    assert rows == ()
