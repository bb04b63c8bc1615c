"""What config.toml says of a rule on one target changes its alerts as what it says of all of them would."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.daemon.messages import NewConfig
from monitor.model.results import Result, Sample, Success
from monitor.model.settings import labels_of
from tests.config.folder import TARGET, Folder
from tests.support.harness import MINUTE, SECOND, Harness

QUERY = """
summary = "Jobs"
[parameters]
limit = 5
[metrics.jobs]
help = "Jobs"
labels = ["queue"]
value = "x"
[rules.JobsWaiting]
metric = "jobs"
above = ":limit"
severity = "warning"
summary = "{value} on {target}, more than {threshold}"
"""
BOTH = TARGET + TARGET.replace("main", "other")


class Daemon:
    """A harness with two targets, and a run of the query on each."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder(path)
        self.folder.query("jobs", QUERY, "SELECT :limit AS x, 1 AS queue")
        self.harness = Harness(self.folder.load(BOTH))

    def reload(self, text: str) -> None:
        self.harness.config = self.folder.load(BOTH + text)
        self.harness.take(NewConfig(self.harness.config))

    def run(self, value: float) -> list[str]:
        """Let a run of each target find this; return what became of alerts of the query."""
        self.harness.after(MINUTE)
        heard = len(self.harness.transitions)
        at = self.harness.at
        sample = Sample("jobs", labels_of({"queue": "a"}), value)
        for job in self.harness.config.jobs:
            outcome = Success((sample,), 1)
            self.harness.take(
                Result(job, at, at, at, 0.01, outcome, self.harness.server)
            )
        return [
            f"{one.alert.label('target')} {one.alert.severity} {one.change} {one.alert.resolve_reason}".strip()
            for one in self.harness.transitions[heard:]
            if one.alert.name == "JobsWaiting"
        ]

    def texts(self) -> list[str]:
        alerts = self.harness.pipeline.active_alerts()
        return [
            dict(alert.annotations)["summary"]
            for alert in sorted(alerts, key=lambda alert: alert.labels)
            if alert.name == "JobsWaiting"
        ]


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path)


def test_each_target_has_its_own_threshold_in_its_texts(daemon: Daemon) -> None:
    daemon.reload("[targets.other.parameters]\nlimit = 1500\n")
    assert daemon.run(9) == ["main warning fired"]
    assert daemon.run(2000) == ["other warning fired"]
    assert daemon.texts() == [
        "2,000 on main, more than 5",
        "2,000 on other, more than 1,500",
    ]


def test_another_label_on_one_target_is_another_alert_there(daemon: Daemon) -> None:
    daemon.run(9)
    daemon.reload('[targets.other.rules.JobsWaiting]\nlabels = { team = "b" }\n')
    assert daemon.run(9) == [
        "other warning resolved rule_changed",
        "other warning fired",
    ]


def test_louder_on_one_target_takes_the_place_of_the_quieter_there(
    daemon: Daemon,
) -> None:
    daemon.run(9)
    daemon.reload('[targets.other.rules.JobsWaiting]\nseverity = "critical"\n')
    assert daemon.run(9) == [
        "other critical fired",
        "other warning resolved superseded",
    ]
    daemon.reload("")
    assert daemon.run(9) == []
    assert daemon.run(0) == ["main warning resolved", "other critical resolved"]


def test_what_is_switched_off_on_one_target_ends_there(daemon: Daemon) -> None:
    daemon.run(9)
    daemon.reload("[targets.other.rules.JobsWaiting]\nenabled = false\n")
    daemon.harness.after(SECOND)
    ends = [
        (one.alert.label("target"), one.alert.resolve_reason)
        for one in daemon.harness.transitions
        if one.change == "resolved"
    ]
    assert ends == [("other", "rule_removed")]
