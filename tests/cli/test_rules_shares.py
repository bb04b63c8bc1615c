"""`rules`: what is too large a share of a population is so in Prometheus too: of two owners, and without data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.judging import fires, judged, printed
from tests.config.folder import Folder

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (package prometheus)",
)

LOW = """
summary = "Users with few tokens"
interval = "1m"
[metrics.users_low]
help = "Users with few tokens"
labels = ["plan"]
value = "low"
[rules.ManyLow]
metric = "users_low"
above = 5
above_share = 0.5
population = "users_all"
severity = "warning"
summary = "{value} {plan} users of {target} are low"
"""
ALL = """
summary = "Users"
interval = "1m"
[metrics.users_all]
help = "Users"
labels = ["plan", "state"]
value = "users"
"""
PLAN = 'job="monitor",target="main",plan="pro"'


def rules_of_shares(path: Path) -> tuple[Folder, str]:
    folder = Folder(path)
    folder.query("low", LOW, "SELECT 'pro' AS plan, 80 AS low")
    folder.query("all", ALL, "SELECT 'pro' AS plan, 'ok' AS state, 100 AS users")
    return folder, printed(folder)


def test_a_share_is_of_what_the_same_owner_counted(tmp_path: Path) -> None:
    folder, text = rules_of_shares(tmp_path)
    series = {}
    for owner in ("one", "two"):
        series[f'users_low{{{PLAN},instance="{owner}"}}'] = "40 80 80"
        for state in ("ok", "new"):
            name = f'users_all{{{PLAN},instance="{owner}",state="{state}"}}'
            series[name] = "50 50 50"
    labels = {"job": "monitor", "target": "main", "plan": "pro", "severity": "warning"}
    both = [{**labels, "instance": owner} for owner in ("one", "two")]
    assert judged(folder, text, series, {"ManyLow": [[], both, both]}) == ""


@pytest.mark.parametrize(
    ("low", "low_ok", "users", "users_ok", "expected"),
    [
        pytest.param(
            "80 80 stale stale 40 stale",
            "1 1 0 0 1 0",
            "100 100 stale stale 100 stale",
            "1 1 0 0 1 0",
            "F F F F - -",
            id="of both",
        ),
        pytest.param(
            "80 80 80 40 80 40",
            "1 1 1 1 1 1",
            "100 100 stale stale stale stale",
            "1 1 0 0 0 0",
            "F F F - - -",
            id="of the population: by what it was last",
        ),
        pytest.param(
            "80 80 stale stale",
            "1 1 1 1",
            "100 100 stale stale",
            "1 1 0 0",
            "F F - -",
            id="of the population, and nobody is low",
        ),
    ],
)
def test_a_share_is_held_without_data(
    tmp_path: Path, low: str, low_ok: str, users: str, users_ok: str, expected: str
) -> None:
    folder, text = rules_of_shares(tmp_path)
    status = 'token_monitor_query_status{target="main",query="%s",status="ok"}'
    series = {
        f"users_low{{{PLAN}}}": low,
        f'users_all{{{PLAN},state="ok"}}': users,
        status % "low": low_ok,
        status % "all": users_ok,
    }
    wanted = fires(
        expected, job="monitor", target="main", plan="pro", severity="warning"
    )
    assert judged(folder, text, series, {"ManyLow": wanted}) == ""
