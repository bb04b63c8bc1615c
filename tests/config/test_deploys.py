"""`[deploys]`: how deployments are declared beside requests, and which rules wait for their end."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

from monitor.config import load, shipped_queries_directory
from monitor.model.deploys import DeploySettings
from monitor.notify.kinds import KINDS
from tests.config.folder import TARGET, Folder

_PLANS = """
summary = "Users of each plan"
[metrics.app_plans]
help = "Users"
labels = ["plan"]
value = "users"
[rules.PlansChanged]
metric = "app_plans"
change = { by = 0.2, over = "1h" }
severity = "warning"
summary = "s"
[rules.PlanNew]
metric = "app_plans"
new = true
severity = "warning"
summary = "s"
[rules.PlanUnusual]
metric = "app_plans"
baseline = {}
severity = "warning"
summary = "s"
[rules.PlanSmall]
metric = "app_plans"
below = 1
severity = "warning"
summary = "s"
"""
_PLANS_SQL = "SELECT plan, COUNT(*) AS users FROM plans GROUP BY plan"


def deploys(folder: Folder, lines: str = "") -> DeploySettings:
    folder.query("plans", _PLANS, _PLANS_SQL)
    return folder.load(TARGET + lines).deploys


def test_rules_about_the_past_wait_and_those_with_numbers_do_not(
    folder: Folder,
) -> None:
    assert deploys(folder) == DeploySettings(
        rules=frozenset({"PlansChanged", "PlanNew"})
    )


def test_it_has_all_that_is_written(folder: Folder) -> None:
    lines = '[deploys]\nfile = "locks/deploy"\nmetric = "app_plans"\nmax = "30m"\nrules = ["Plan?mall", "PlanNew"]\n'
    assert deploys(folder, lines) == DeploySettings(
        file=folder.path / "locks" / "deploy",
        metric="app_plans",
        max=timedelta(minutes=30),
        rules=frozenset({"PlanSmall", "PlanNew"}),
    )


def test_nothing_waits_where_no_rule_is_to(folder: Folder) -> None:
    assert deploys(folder, "[deploys]\nrules = []\n").rules == frozenset()


def test_of_the_shipped_rules_those_of_levels_names_and_drift_wait(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TARGET)
    expected = {"TokenLedgerDrift"}
    for file in shipped_queries_directory().glob("*.toml"):
        rules = tomllib.loads(file.read_text(encoding="utf-8")).get("rules", {})
        expected.update(
            name for name, rule in rules.items() if {"change", "new"} & rule.keys()
        )
    found = load(path, {}, KINDS).deploys.rules
    assert found == expected
    assert "TokenLimitsChanged" in found
    assert "TokenColumnMissing" not in found
