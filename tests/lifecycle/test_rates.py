"""Rates and increases of rules mean what they mean in PromQL: the same samples through a real Prometheus.

With resets, with runs that fail, with rows that come and go, with gaps longer than the while, and with restarts of
the monitor in between.
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

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monitor.detection.rules import Memories, with_findings
from monitor.model.conditions import Condition
from monitor.model.detectors import RateDetector, RateUnit
from monitor.model.errors import Reason
from monitor.model.results import Failure, Outcome, Result, Success
from monitor.model.settings import Job, Labels, Rule, Severity, labels_of
from monitor.storage.rule_memories import packed, unpacked
from tests.acceptance.observers import Observer, program
from tests.support.harness import TARGET, a_query, samples

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None or shutil.which("prometheus") is None,
    reason="Prometheus is not installed (package prometheus)",
)

LONG_RUN = bool(os.environ.get("TOKEN_MONITOR_TEST_LONG"))
START = datetime(2026, 1, 5, 0, 0, 17, tzinfo=UTC)
OVER = timedelta(minutes=5)
FUNCTIONS: Mapping[RateUnit, str] = {
    RateUnit.PER_SECOND: "rate(jobs[5m])",
    RateUnit.INCREASE: "increase(jobs[5m])",
    RateUnit.RESETS: "resets(jobs[5m])",
}
SERIES = tuple(f"q{number}" for number in range(8))

Rates = Mapping[Labels, float]


@dataclass(frozen=True)
class Run:
    """One run: when, what it gives of each series, and whether the monitor restarts after it."""

    at: datetime
    values: Mapping[str, float] | None
    """None: it failed."""
    restarts: bool


def rule_for(unit: RateUnit) -> Rule:
    return Rule(
        unit.name.title().replace("_", ""),
        "jobs",
        Condition("above", 1.0),
        Severity.WARNING,
        "{value}",
        detector=RateDetector(unit, OVER),
    )


RULES = {unit: rule_for(unit) for unit in RateUnit}
JOB = Job(TARGET, a_query("queues", rules=tuple(RULES.values())))

MILLISECONDS = st.one_of(
    st.integers(59_000, 61_000),
    st.integers(59_900, 60_100),
    st.integers(3_000, 130_000),
    st.integers(150_000, 450_000),
)
STEPS = st.one_of(
    st.integers(0, 100).map(float),
    st.floats(0, 1000),
    st.just(0.0),
    st.just("reset"),
    st.just("no row"),
)


@st.composite
def histories(draw: st.DrawFn) -> Sequence[Run]:
    """Draw runs: counters that rise, are set back to something small, and are not always there."""
    starts = st.sampled_from([0.0, 3.0, 120.0, 5e6])
    counters = {name: draw(starts) for name in SERIES}
    runs = []
    at = START
    for _ in range(draw(st.integers(12, 30))):
        at += timedelta(milliseconds=draw(MILLISECONDS))
        values: dict[str, float] = {}
        for name in SERIES:
            step = draw(STEPS)
            if isinstance(step, float):
                counters[name] += step
            elif step == "reset":
                counters[name] = draw(st.sampled_from([0.0, 1.0, 7.5, 40.0]))
            if step != "no row":
                values[name] = counters[name]
        failed = draw(st.integers(0, 5)) == 0
        restarts = draw(st.integers(0, 4)) == 0
        runs.append(Run(at, None if failed else values, restarts))
    return runs


def ours(runs: Sequence[Run]) -> list[Mapping[RateUnit, Rates]]:
    """Return which rates we know after each run that gave data."""
    memories: Memories = {}
    known = []
    for run in runs:
        outcome: Outcome = Failure(Reason.TIMEOUT, "took too long")
        if run.values is not None:
            found = samples("jobs", run.values, "queue")
            outcome = Success(found, len(found))
        # By when it was read: that it had been due for long makes no difference.
        due_at = run.at - timedelta(seconds=7)
        detection = with_findings(
            Result(JOB, due_at, run.at, run.at, 0.0, outcome), memories
        )
        memories = detection.memories
        if run.restarts:
            memories = {name: unpacked(packed(one)) for name, one in memories.items()}
        judged = detection.result.outcome
        if isinstance(judged, Success):
            known.append(_by_unit(judged))
    return known


def _by_unit(judged: Success) -> Mapping[RateUnit, Rates]:
    return {
        unit: {one.labels: one.value for one in judged.detected[rule.name]}
        for unit, rule in RULES.items()
    }


class PrometheusOfSamples(Observer):
    """Answers from samples that it is given before it starts, and scrapes nothing."""

    def fill(self, runs: Sequence[Run]) -> None:
        """Write what the runs gave into its storage."""
        lines = ["# TYPE jobs gauge"]
        for run in runs:
            for name, value in (run.values or {}).items():
                lines.append(f'jobs{{queue="{name}"}} {value} {run.at.timestamp():.3f}')
        text = self.folder / "samples.txt"
        text.write_text("\n".join((*lines, "# EOF", "")), encoding="utf-8")
        subprocess.run(
            [
                *("promtool", "tsdb", "create-blocks-from", "openmetrics"),
                *(str(text), str(self.folder / "data")),
            ],
            check=True,
            capture_output=True,
        )
        (self.folder / "prometheus.yml").write_text("{}\n", encoding="utf-8")

    def _command(self) -> Sequence[str]:
        return (
            program("prometheus"),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )

    def rates(self, unit: RateUnit, at: datetime) -> Rates:
        """Return what a function gives at an instant, by labels."""
        answer = self.ask(
            "/api/v1/query", query=FUNCTIONS[unit], time=f"{at.timestamp():.3f}"
        )
        return {
            labels_of(one["metric"]): float(one["value"][1])
            for one in answer["data"]["result"]
        }


@settings(
    max_examples=60 if LONG_RUN else 8,
    deadline=None,
    # Each example starts a server: what fails is shown as it was drawn.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(histories())
def test_rates_and_increases_are_those_of_prometheus_at_every_run(
    runs: Sequence[Run],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prometheus = PrometheusOfSamples(Path(folder))
        prometheus.fill(runs)
        prometheus.start()
        try:
            instants = [run.at for run in runs if run.values is not None]
            for at, known in zip(instants, ours(runs), strict=True):
                for unit, rates in known.items():
                    expected = prometheus.rates(unit, at)
                    if unit is RateUnit.RESETS:
                        # Of one point it says 0, and we that nothing is known.
                        assert all(
                            expected[one] == 0 for one in expected.keys() - rates.keys()
                        )
                        expected = {one: expected[one] for one in rates}
                    assert rates == pytest.approx(expected, rel=1e-6, abs=1e-9), (
                        f"{FUNCTIONS[unit]} at {at}: {json.dumps(str(runs))}"
                    )
        finally:
            prometheus.stop()
