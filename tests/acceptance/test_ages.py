"""How old things are, as a real Prometheus and whoever asks the API see it, while a query fails and mends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, write_config
from tests.acceptance.observers import Alertmanager, Prometheus
from tests.acceptance.program import Daemon, running, wait_until

DOCS = Path(__file__).parent.parent.parent / "docs"
TOML = """
summary = "x"
interval = "1s"
timeout = "900ms"
[metrics.token_subscribers]
help = "x"
labels = ["plan"]
value = "n"
[rules.Things]
metric = "token_subscribers"
above = 0
severity = "critical"
summary = "x"
"""


def documented_age() -> str:
    """Return the expression for the age of a series, as the documentation has it."""
    found = re.search(
        r"```promql\n(.*?)```",
        (DOCS / "metrics.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert found is not None
    return found[1]


@pytest.fixture
def config(mariadb: PrivateMariaDB, schema: str, folder: Path) -> Path:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE things (plan TEXT, n INT)")
        cursor.execute("INSERT INTO things VALUES ('pro', 3), ('free', 4)")
    two_files(folder, "balances", sql="SELECT plan, n FROM things", toml=TOML)
    return only_ours(write_config(folder, mariadb, schema))


def test_a_user_of_prometheus_can_tell_how_old_each_series_is(
    config: Path, mariadb: PrivateMariaDB, schema: str, tmp_path: Path
) -> None:
    with running(config) as daemon:
        alertmanager = Alertmanager(
            tmp_path / "alertmanager", "http://127.0.0.1:9/"
        )  # not started
        prometheus = Prometheus(
            tmp_path / "prometheus", target=daemon.address, alertmanager=alertmanager
        )
        prometheus.start()
        try:
            found: list[dict[str, float]] = []

            def both_have_one() -> bool:
                found.append(prometheus.query(documented_age()))
                return len(found[-1]) == 2

            wait_until(both_have_one, seconds=60)
            ages = found[-1]
            assert sorted(ages) == ["plan=free target=main", "plan=pro target=main"]
            # A run stands for the nearest instant of its schedule, which may be half a second ahead.
            assert all(-0.6 <= age < 30 for age in ages.values())
            held = 'token_monitor_alerts_held{alertname="Things",state="firing"}'
            confirmed = 'time() - token_monitor_alerts_oldest_confirmed_timestamp_seconds{alertname="Things"}'
            wait_until(lambda: prometheus.value(held) == 0, seconds=60)
            break_it(mariadb, schema)
            wait_until(lambda: prometheus.value(held) == 2, seconds=60)
            wait_until(
                lambda: prometheus.query(documented_age()) == {}, seconds=60
            )  # no series, no age
            wait_until(lambda: (prometheus.value(confirmed) or 0) > 3, seconds=60)
        finally:
            prometheus.stop()


def break_it(mariadb: PrivateMariaDB, schema: str) -> None:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("RENAME TABLE things TO things_aside")


def mend_it(mariadb: PrivateMariaDB, schema: str) -> None:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("RENAME TABLE things_aside TO things")


def alerts(daemon: Daemon) -> list[dict[str, Any]]:
    data = json.loads(daemon.get("/api/v1/alerts")[1])["data"]
    return [
        {**one, "asOf": data["asOf"]}
        for one in data["alerts"]
        if one["labels"]["alertname"] == "Things"
    ]


def test_an_alert_says_when_data_last_confirmed_it_and_since_when_there_is_none(
    config: Path, mariadb: PrivateMariaDB, schema: str
) -> None:
    with running(config) as daemon:
        daemon.wait_for("alert.fired", alertname="Things")
        # on a slow machine a run may be over its time now and then, and nothing is known until the next
        wait_until(lambda: "noDataSince" not in alerts(daemon)[0], why="confirmed")
        first = alerts(daemon)[0]
        wait_until(
            lambda: alerts(daemon)[0]["confirmedAt"] > first["confirmedAt"],
            why="confirmed again",
        )
        assert alerts(daemon)[0]["activeAt"] == first["activeAt"]
        break_it(mariadb, schema)
        daemon.wait_for("run.failed", query="balances", reason="schema_missing")
        wait_until(lambda: all(one.get("held") for one in alerts(daemon)), why="held")
        held = alerts(daemon)[0]
        assert held["noDataSince"] == held["confirmedAt"] < held["asOf"]
        wait_until(
            lambda: alerts(daemon)[0]["ageSeconds"] > held["ageSeconds"] + 1,
            why="it grows older",
        )
        assert alerts(daemon)[0]["noDataSince"] == held["noDataSince"]
        assert 'class="alert bad old"' in daemon.get("/")[1]
        assert "no data for" in daemon.get("/")[1]
        mend_it(mariadb, schema)
        wait_until(lambda: not alerts(daemon)[0].get("held"), why="confirmed again")
        assert alerts(daemon)[0]["confirmedAt"] > held["confirmedAt"]
        wait_until(
            lambda: 'class="alert bad"' in daemon.get("/")[1], why="the page says so"
        )
