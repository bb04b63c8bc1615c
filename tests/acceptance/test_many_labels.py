"""A thousand labels, all new at every run: told within bounds, and light to carry however long it goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, webhook, write_config
from tests.acceptance.program import Daemon, Hook, running, wait_until

MANY = "token_monitor_alerts"
SQL = """
-- a label that has the time in it
WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1000)
SELECT CONCAT('k', n, '-', UNIX_TIMESTAMP()) AS k, 1 AS n FROM s
"""
TOML = """
summary = "A label that is new at every run"
interval = "2s"
timeout = "1900ms"
max_rows = 1000
[metrics.app_many]
help = "One for each"
labels = ["k"]
value = "n"
[rules.Many]
metric = "app_many"
above = 0
severity = "info"
summary = "{k}"
"""


@pytest.fixture
def config(mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook) -> Path:
    two_files(folder, "many", sql=SQL, toml=TOML)
    return only_ours(write_config(folder, mariadb, schema, extra=webhook(hook.url)))


def cpu_seconds(pid: int) -> float:
    fields = (
        Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    )
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def firing(daemon: Daemon, name: str) -> float:
    return sum(daemon.series(f'{MANY}{{alertname="{name}",severity="').values())


def test_a_limit_holds_at_every_run_and_one_alert_says_how_many_are_left_out(
    config: Path,
) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write("[rules.Many]\nmax_alerts = 100\n")
    with running(config) as daemon:
        limited = daemon.wait_for("alert.fired", alertname="TokenMonitorAlertsLimited")
        assert (limited["value"], limited["labels"]["rule"]) == (900, "Many")
        for round_ in (1, 2):
            wait_until(
                lambda wanted=round_: (  # type: ignore[misc]
                    len(daemon.seen("alert.fired", alertname="Many")) > 100 * wanted
                )
            )
            assert firing(daemon, "Many") == 100
        assert firing(daemon, "TokenMonitorAlertsLimited") == 1
        assert [
            event["event"]
            for event in daemon.events
            if event["event"].endswith(".failed")
        ] == []


SECONDS = 600


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 120)
def test_ten_minutes_of_a_thousand_new_labels_cost_no_more_memory_and_less_than_half_a_core(
    config: Path, hook: Hook
) -> None:
    with running(config, arguments=("--log-level", "error")) as daemon:
        wait_until(lambda: firing(daemon, "Many") == 1000)
        began, cpu_before = time.monotonic(), cpu_seconds(daemon.pid)
        sizes: list[tuple[float, int]] = []

        while time.monotonic() - began < SECONDS:
            wait_until(lambda: hook.bodies)  # one at each run
            hook.bodies.clear()
            asked = time.monotonic()
            status, _ = daemon.get("/")
            assert (status, time.monotonic() - asked < 1) == (200, True)
            sizes.append((time.monotonic() - began, daemon.resident_bytes()))
        share = (cpu_seconds(daemon.pid) - cpu_before) / (time.monotonic() - began)
        settled = max(size for at, size in sizes if 120 < at < 240)
        last = max(size for at, size in sizes if at > SECONDS - 120)
        print(  # noqa: T201
            f"\n{share:.2f} of a core, {settled / 1e6:.0f} MB, then {last / 1e6:.0f} MB"
        )
        assert share < 0.5
        assert last < settled + 10_000_000
