"""The incident as Prometheus and Alertmanager see it, both real and configured by the files of deploy/."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.config import shipped_queries_directory
from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.tokens import create_tables, populate
from monitor.model.alerts import fingerprint
from monitor.model.settings import labels_of
from tests.acceptance.configs import write_config
from tests.acceptance.observers import Alertmanager, Prometheus
from tests.acceptance.program import (
    Daemon,
    Hook,
    run_command,
    running,
    wait_until,
)

RESEND_SECONDS = 2.0
"""An alert ends four of them after it was sent last: so long a slow machine may send none."""
COLUMN = {"table": "users", "column": "tokens_remaining"}
MISSING = 'token_schema_column_missing{table="users",column="tokens_remaining"}'


class TokenSystem:
    """The application's tables in a schema of their own; what the incident does to them, and its repair."""

    def __init__(self, server: PrivateMariaDB, schema: str) -> None:
        self._server = server
        self.schema = schema
        with server.connect() as connection:
            create_tables(connection, schema)
            populate(connection, now=datetime.now(UTC))

    def execute(self, *statements: str) -> None:
        with (
            self._server.connect(self.schema) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)

    def drop_column(self) -> None:
        """Drop users.tokens_remaining; what it held is kept aside."""
        self.execute(
            "CREATE TABLE users_aside LIKE users",
            "INSERT INTO users_aside SELECT * FROM users",
            "ALTER TABLE users DROP COLUMN tokens_remaining",
        )

    def repair(self) -> None:
        """Put the column back with its values, in one step that no query can see half done."""
        self.execute(
            "RENAME TABLE users TO users_broken, users_aside TO users",
            "DROP TABLE users_broken",
        )

    def empty_balances(self) -> None:
        """Take the balances of some subscribers of one plan."""
        self.execute(
            "UPDATE users u JOIN user_subscriptions s ON s.user_id = u.id AND s.is_active = 1"
            " SET u.tokens_remaining = NULL WHERE s.plan_type = 'pro'"
        )

    def fill_balances(self) -> None:
        """Set their balances to their limit less a token, as a renewal before the first use."""
        self.execute(
            "UPDATE users u JOIN user_subscriptions s ON s.user_id = u.id AND s.is_active = 1"
            " SET u.tokens_remaining = s.tokens_limit - 1 WHERE u.tokens_remaining IS NULL"
        )


@dataclass
class Scene:
    """What runs: the program, the Alertmanager that it sends its alerts to, and whom that tells."""

    tokens: TokenSystem
    daemon: Daemon
    alertmanager: Alertmanager
    hook: Hook


def in_seconds() -> str:
    """Run every shipped query each second, and let its rules wait for nothing."""
    parts = []
    for path in sorted(shipped_queries_directory().glob("*.toml")):
        parts.append(f'[queries.{path.stem}]\ninterval = "1s"\ntimeout = "950ms"')
        rules = tomllib.loads(path.read_text(encoding="utf-8")).get("rules", {})
        parts.extend(f'[rules.{name}]\nfor = "0s"' for name in rules)
    return "\n".join(parts)


@pytest.fixture
def tokens(mariadb: PrivateMariaDB, schema: str) -> TokenSystem:
    """Make the token system, everybody healthy."""
    return TokenSystem(mariadb, schema)


@pytest.fixture
def scene(
    mariadb: PrivateMariaDB, tokens: TokenSystem, folder: Path, hook: Hook
) -> Iterator[Scene]:
    """Start the program and an Alertmanager; give them when everybody is known to be healthy."""
    alertmanager = Alertmanager(folder / "am", hook.url)
    receiver = (
        f'[receivers.am]\nkind = "alertmanager"\nurls = ["{alertmanager.url}"]\n'
        f'resend_delay = "{RESEND_SECONDS:g}s"\n'
    )
    config = write_config(
        folder,
        mariadb,
        tokens.schema,
        extra=receiver + in_seconds(),
        target={"max_connections": 3},
    )
    try:
        alertmanager.start()
        with running(config) as daemon:
            wait_until(
                lambda: daemon.series("token_subscribers{"),
                why="subscribers are counted",
            )
            assert alertmanager.alerts() == []
            yield Scene(tokens, daemon, alertmanager, hook)
    finally:
        alertmanager.stop()


@pytest.fixture
def prometheus(scene: Scene, folder: Path) -> Iterator[Prometheus]:
    """Scrape the program every second; at the end there may have been nothing to complain of.

    Only a scrape may have been over its second, as on a machine that does other things.
    """
    server = Prometheus(
        folder / "prom", target=scene.daemon.address, alertmanager=scene.alertmanager
    )
    try:
        server.start()
        # its first look at the scrape configuration is 5 s after its start
        wait_until(
            lambda: server.value(MISSING) == 0,
            seconds=60,
            why="it scrapes, the column is there",
        )
        wait_until(
            lambda: server.query("token_subscribers"),
            seconds=60,
            why="subscribers are counted",
        )
        yield server
        wait_until(
            lambda: (
                (server.target()["health"], server.target()["lastError"]) == ("up", "")
            )
        )
        assert (server.value("avg_over_time(up[10m])") or 0) > 0.75
        assert server.complaints() == []
    finally:
        server.stop()


def sent_again_for_longer_than_it_lives(
    alertmanager: Alertmanager, name: str, watched: Callable[[], None]
) -> None:
    """Wait until an alert was sent after the end that was sent first; look at `watched` all the time."""
    (first,) = alertmanager.alerts(alertname=name)

    def is_sent_again() -> bool:
        watched()
        (now,) = alertmanager.alerts(alertname=name)
        assert now["startsAt"] == first["startsAt"]
        return datetime.fromisoformat(now["updatedAt"]) > datetime.fromisoformat(
            first["endsAt"]
        )

    wait_until(
        is_sent_again, seconds=60, why=f"{name} is sent beyond {first['endsAt']}"
    )


def test_a_dropped_column_is_one_alert_within_seconds_and_its_numbers_are_gone_not_zero(
    scene: Scene, prometheus: Prometheus
) -> None:
    alertmanager = scene.alertmanager
    scene.tokens.drop_column()
    wait_until(
        lambda: alertmanager.names() == ["TokenColumnMissing"], why="the alert is there"
    )
    (alert,) = alertmanager.alerts()
    labels = {
        "alertname": "TokenColumnMissing",
        "severity": "critical",
        "target": "main",
        **COLUMN,
    }
    assert alert["labels"] == labels
    assert alert["status"]["state"] == "active"
    reported = scene.daemon.wait_for("alert.fired", alertname="TokenColumnMissing")
    assert (
        alert["fingerprint"]
        == fingerprint(labels_of(labels))
        == reported["fingerprint"]
    )
    assert (
        "ALTER TABLE `users` ADD COLUMN `tokens_remaining`"
        in alert["annotations"]["repair"]
    )

    wait_until(lambda: prometheus.value(MISSING) == 1)
    for name in (
        "token_subscribers",
        "token_balance_tokens",
        "token_subscribers_uninitialized",
    ):
        wait_until(
            lambda name=name: prometheus.query(name) == {},  # type: ignore[misc]
            why=f"{name} is gone",
        )
    status = 'token_monitor_query_status{query="balances",status="blocked"}'
    wait_until(
        lambda: prometheus.value(status) == 1, why="what counted them is blocked"
    )
    wait_until(
        lambda: prometheus.query("token_usage_recent_events"),
        why="what needs no balance goes on",
    )

    def nothing_else() -> None:
        assert alertmanager.names() == ["TokenColumnMissing"]

    sent_again_for_longer_than_it_lives(
        alertmanager, "TokenColumnMissing", nothing_else
    )
    scene.hook.wait_for("firing", "TokenColumnMissing")
    assert set(scene.hook.alerts()) == {("firing", "TokenColumnMissing")}

    scene.tokens.repair()
    wait_until(lambda: alertmanager.alerts() == [], why="the alert is over")
    scene.hook.wait_for("resolved", "TokenColumnMissing")
    wait_until(lambda: prometheus.value(MISSING) == 0)
    wait_until(
        lambda: prometheus.query("token_subscribers"),
        why="subscribers are counted again",
    )
    assert {name for _, name in scene.hook.alerts()} == {"TokenColumnMissing"}


def test_an_alert_that_fired_before_is_held_and_quiet_until_the_column_is_back(
    scene: Scene,
) -> None:
    alertmanager = scene.alertmanager
    held = "TokenBalancesUninitialized"
    scene.tokens.empty_balances()
    scene.hook.wait_for("firing", held)
    (before,) = alertmanager.alerts(alertname=held)

    scene.tokens.drop_column()
    scene.hook.wait_for("firing", "TokenColumnMissing")

    def it_is_held() -> None:
        assert alertmanager.names() == [held, "TokenColumnMissing"]

    sent_again_for_longer_than_it_lives(alertmanager, held, it_is_held)
    (root,) = alertmanager.alerts(alertname="TokenColumnMissing")
    quiet = {
        "state": "suppressed",
        "inhibitedBy": [root["fingerprint"]],
        "silencedBy": [],
    }
    wait_until(
        lambda: alertmanager.alerts(alertname=held)[0]["status"] == quiet,
        why="it is quiet",
    )
    assert ("resolved", held) not in scene.hook.alerts()

    scene.tokens.repair()
    scene.hook.wait_for("resolved", "TokenColumnMissing")
    wait_until(
        lambda: alertmanager.alerts(alertname=held)[0]["status"]["state"] == "active"
    )
    assert alertmanager.alerts(alertname=held)[0]["startsAt"] == before["startsAt"]
    assert ("resolved", held) not in scene.hook.alerts()

    scene.tokens.fill_balances()
    scene.hook.wait_for("resolved", held)
    wait_until(lambda: alertmanager.alerts() == [], why="nothing else is left")


def test_an_alertmanager_that_restarts_knows_again_within_the_resend_delay(
    scene: Scene,
) -> None:
    alertmanager = scene.alertmanager
    scene.tokens.drop_column()
    wait_until(lambda: alertmanager.names() == ["TokenColumnMissing"])
    (before,) = alertmanager.alerts()
    alertmanager.stop()
    scene.daemon.wait_for("delivery.failed", receiver="am")
    alertmanager.start()
    # some seconds more, for a machine that does other things as well
    wait_until(
        lambda: alertmanager.names() == ["TokenColumnMissing"],
        seconds=RESEND_SECONDS + 6,
    )
    (after,) = alertmanager.alerts()
    assert (after["startsAt"], after["fingerprint"]) == (
        before["startsAt"],
        before["fingerprint"],
    )


@pytest.fixture
def judge(
    mariadb: PrivateMariaDB, tokens: TokenSystem, folder: Path
) -> Iterator[tuple[Daemon, Prometheus]]:
    """Run the program without receivers, and a Prometheus that judges by the rules that it prints."""
    config = write_config(folder, mariadb, tokens.schema, extra=in_seconds())
    printed = run_command("rules", "--config", str(config))
    assert (printed.returncode, printed.stderr) == (0, "")
    rules = folder / "printed.yml"
    rules.write_text(re.sub(r"interval: \S+", "interval: 1s", printed.stdout))
    with running(config) as daemon:
        wait_until(
            lambda: daemon.series("token_subscribers{"), why="subscribers are counted"
        )
        server = Prometheus(
            folder / "judge", target=daemon.address, alertmanager=None, rules=[rules]
        )
        try:
            server.start()
            wait_until(
                lambda: server.query("token_subscribers"),
                seconds=60,
                why="it scrapes",
            )
            yield daemon, server
            assert server.complaints() == []
        finally:
            server.stop()


def fires(prometheus: Prometheus) -> set[str]:
    series = prometheus.query(
        'count by (alertname) (ALERTS{alertstate="firing",alertname=~"Token.+",alertname!~"TokenMonitor.+"})'
    )
    return {labels.removeprefix("alertname=") for labels in series}


def test_prometheus_fires_by_the_printed_rules_as_the_monitor_does_and_holds_as_it_does(
    judge: tuple[Daemon, Prometheus], tokens: TokenSystem
) -> None:
    daemon, prometheus = judge
    assert fires(prometheus) == set()

    tokens.empty_balances()
    daemon.wait_for("alert.fired", alertname="TokenBalancesUninitialized")
    wait_until(
        lambda: "TokenBalancesUninitialized" in fires(prometheus),
        why="subscribers without a balance",
    )

    tokens.drop_column()
    daemon.wait_for("alert.fired", alertname="TokenColumnMissing")
    both = {"TokenBalancesUninitialized", "TokenColumnMissing"}
    wait_until(lambda: both <= fires(prometheus), why="the column, too")
    wait_until(
        lambda: prometheus.query("token_subscribers_overdue") == {},
        why="what counted them gives no data",
    )
    began = prometheus.value("vector(time())") or 0
    wait_until(
        lambda: (prometheus.value("vector(time())") or 0) > began + 8,
        why="some evaluations without data",
    )
    assert both <= fires(prometheus)

    tokens.repair()
    tokens.fill_balances()
    daemon.wait_for("alert.resolved", alertname="TokenBalancesUninitialized")
    wait_until(lambda: both & fires(prometheus) == set(), why="all is well")


def test_prometheus_answers_every_query_of_the_printed_dashboard(
    judge: tuple[Daemon, Prometheus], folder: Path
) -> None:
    _, prometheus = judge
    done = run_command("dashboard", "--config", str(folder / "config.toml"))
    assert (done.returncode, done.stderr) == (0, "")
    dashboard = json.loads(done.stdout)
    panels = [one for one in dashboard["panels"] if one["type"] != "row"]
    places = [tuple(one["gridPos"].values()) for one in dashboard["panels"]]
    assert len(places) == len(set(places)) > 50
    numbers = [one["id"] for one in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))

    silent: set[str] = set()
    for panel in panels:
        (target,) = panel["targets"]
        expression = target["expr"].replace("$target", ".*")
        series = prometheus.query(expression.replace("$__rate_interval", "1m"))
        if not series:
            silent.add(panel["title"])

    # What nobody is, and what counts errors, has no series here.
    assert "Subscribers by state of their balance" not in silent
    assert "How long runs take" not in silent
    assert len(silent) < len(panels) / 3, silent


def test_promtool_finds_nothing_to_say_of_the_metrics_healthy_or_broken(
    mariadb: PrivateMariaDB, tokens: TokenSystem, folder: Path
) -> None:
    config = write_config(folder, mariadb, tokens.schema, extra=in_seconds())
    with running(config) as daemon:
        wait_until(
            lambda: daemon.series("token_subscribers{"), why="the first runs have ended"
        )
        lint(daemon.get("/metrics")[1])
        tokens.drop_column()
        daemon.wait_for("alert.fired", alertname="TokenColumnMissing")
        wait_until(
            lambda: not daemon.series("token_subscribers{"), why="the series are gone"
        )
        lint(daemon.get("/metrics")[1])


def lint(exposition: str) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=exposition,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
