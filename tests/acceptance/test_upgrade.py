"""An upgrade in the middle of an incident: nothing is resolved, announced again or lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.program import Daemon, Hook, run_command, running, wait_until
from tests.acceptance.upgrade import (
    TABLES,
    alert_of,
    configuration,
    drop_column,
    make_tables,
    restore,
    set_number,
)

STATES = Path(__file__).parent.parent / "testdata" / "state"
ROUNDS = 3


def has_judged_all(daemon: Daemon) -> bool:
    """Return whether each query ran some times; the one without its column is blocked, and that told once."""
    finished = [
        len(daemon.seen("run.finished", query=table))
        for table in TABLES
        if table != "held"
    ]
    return min(finished) >= ROUNDS and daemon.seen("run.blocked", query="held") != []


@pytest.mark.parametrize("dump", ["ed67695-mid-incident.sql"])
def test_an_upgrade_in_the_middle_of_an_incident_resolves_repeats_and_loses_nothing(
    dump: str, mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    make_tables(mariadb, schema)
    for table, number in (("told", 3), ("owed", 4), ("early", 5)):
        set_number(mariadb, schema, table, number)
    drop_column(mariadb, schema)
    config = configuration(folder, mariadb, schema, hook.url)
    restore(STATES / dump, folder / "state")
    with running(config) as daemon:
        hook.wait_for("firing", alert_of("owed"))
        wait_until(lambda: has_judged_all(daemon))
        assert [one for one in hook.alerts() if is_of_the_incident(one[1])] == [
            ("firing", alert_of("owed"))
        ]
        changed = [*daemon.seen("alert.fired"), *daemon.seen("alert.resolved")]
        assert [one for one in changed if is_of_the_incident(one["alertname"])] == []
        assert active_alerts(config) == {
            "UpgradeTold": ("firing", False),
            "UpgradeOwed": ("firing", False),
            "UpgradeEarly": ("pending", False),
            "UpgradeHeld": ("firing", True),
            "TokenColumnMissing": ("firing", False),
            "TokenMonitorWatchdog": ("firing", False),
        }
        # Who was notified before the upgrade hears of the end after it.
        set_number(mariadb, schema, "told", 0)
        hook.wait_for("resolved", alert_of("told"))


def is_of_the_incident(alertname: str) -> bool:
    """Leave out what a busy machine may do to the runs of the monitor itself; not its watchdog."""
    return alertname == "TokenMonitorWatchdog" or not alertname.startswith(
        "TokenMonitor"
    )


def active_alerts(config: Path) -> dict[str, tuple[str, bool]]:
    """Return the state of each alert, and whether it is muted."""
    done = run_command("alerts", "--format", "json", "--config", str(config))
    assert done.returncode == 0, done.stderr
    return {
        one["alertname"]: (one["state"], one["muted_by"] is not None)
        for one in json.loads(done.stdout)
        if is_of_the_incident(one["alertname"])
    }
