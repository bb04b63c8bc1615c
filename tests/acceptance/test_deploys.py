"""A deployment declared to the real daemon: what remains after it fires, what is put back is told by nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, webhook, write_config
from tests.acceptance.program import (
    Daemon,
    Hook,
    run_command,
    running,
    wait_until,
)
from tests.support.servers import free_port
from tests.web.certificates import Authority

PLANS = """
summary = "Users of each plan"
interval = "500ms"
timeout = "490ms"
[metrics.app_plans]
help = "Users"
labels = ["plan"]
value = "users"
[rules.PlansChanged]
metric = "app_plans"
change = { by = 0.2, over = "2s" }
severity = "warning"
summary = "{plan} had {before} users and has {value}"
[rules.PlansEmpty]
metric = "app_plans"
below = 1
severity = "critical"
summary = "{plan} has no users"
"""
HELD = "held by a deployment"


class Watched:
    """A table of plans, and the configuration that watches it; the daemon that runs is `daemon`."""

    def __init__(self, server: PrivateMariaDB, schema: str, folder: Path) -> None:
        self.server, self.schema, self.folder = server, schema, folder
        self.execute("CREATE TABLE plans (plan VARCHAR(9), users INT)")
        self.execute("INSERT INTO plans VALUES ('pro', 100), ('free', 9)")

    def execute(self, sql: str) -> None:
        """Execute one statement as the owner of the schema."""
        with (
            self.server.connect(self.schema) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)

    def users(self, number: int) -> None:
        """Have the plan `pro` so many users."""
        self.execute(f"UPDATE plans SET users = {number} WHERE plan = 'pro'")

    def config(self, extra: str = "") -> Path:
        """Write config.toml and the two files of the query; returns the path."""
        two_files(self.folder, "plans", sql="SELECT plan, users FROM plans", toml=PLANS)
        listen = f"127.0.0.1:{free_port()}"
        return only_ours(
            write_config(self.folder, self.server, self.schema, extra=extra, web=listen)
        )


@pytest.fixture
def watched(mariadb: PrivateMariaDB, schema: str, folder: Path) -> Watched:
    return Watched(mariadb, schema, folder)


def deploy(config: Path, *words: str) -> str:
    done = run_command("deploy", *words, "--config", str(config))
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def learned(daemon: Daemon) -> None:
    """Wait until what is there has been watched for so long that a change of it is one."""
    before = runs_of(daemon)
    wait_until(lambda: runs_of(daemon) >= before + 7)


def runs_of(daemon: Daemon) -> float:
    return sum(daemon.series("token_monitor_query_runs_total{").values())


def judged(daemon: Daemon) -> None:
    """Wait until two more runs have been judged."""
    before = runs_of(daemon)
    wait_until(lambda: runs_of(daemon) >= before + 2)


def is_waiting(daemon: Daemon) -> bool:
    return '"inDeployment":true' in daemon.get("/api/v1/alerts")[1]


def test_what_remains_is_told_at_the_end_also_after_a_kill(
    watched: Watched, hook: Hook
) -> None:
    config = watched.config(webhook(hook.url))
    first = Daemon(config)
    first.wait_for("monitor.started")
    learned(first)
    assert "release 5" in deploy(
        config, "begin", "--for", "1h", "--reason", "release 5"
    )
    first.wait_for("deploy.begun", target="main", source="request", reason="release 5")
    assert first.series("token_monitor_deploys_open") == {
        'token_monitor_deploys_open{target="main"}': 1
    }
    watched.users(50)
    wait_until(lambda: is_waiting(first))
    assert "1 deployment under way" in first.get("/")[1]
    first.kill()
    with running(config) as daemon:
        daemon.wait_for("run.finished")
        judged(daemon)
        assert (
            HELD
            in run_command("explain", "PlansChanged", "--config", str(config)).stdout
        )
        assert daemon.seen("alert.fired", alertname="PlansChanged") == []
        # What does not wait is told meanwhile.
        watched.execute("UPDATE plans SET users = 0 WHERE plan = 'free'")
        daemon.wait_for("alert.fired", alertname="PlansEmpty")
        hook.wait_for("firing", "PlansEmpty")
        assert hook.alerts() == [("firing", "PlansEmpty")]
        assert "no deployment" in deploy(config, "end")
        fired = daemon.wait_for("alert.fired", alertname="PlansChanged")
        assert fired["annotations"]["deployment"].startswith("remained after the")
        assert fired["annotations"]["deployment"].endswith("(release 5)")
        hook.wait_for("firing", "PlansChanged")


def test_what_is_put_back_in_time_is_told_by_nobody(
    watched: Watched, hook: Hook
) -> None:
    config = watched.config(webhook(hook.url))
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        learned(daemon)
        deploy(config, "begin")
        watched.users(50)
        wait_until(lambda: is_waiting(daemon))
        watched.users(100)
        wait_until(lambda: not is_waiting(daemon))
        deploy(config, "end")
        judged(daemon)
        assert daemon.seen("alert.fired", alertname="PlansChanged") == []
    assert hook.alerts() == []


def test_what_is_accepted_is_what_the_next_change_is_measured_by(
    watched: Watched,
) -> None:
    config = watched.config()
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        learned(daemon)
        deploy(config, "begin", "--target", "main")
        watched.users(50)
        wait_until(lambda: is_waiting(daemon))
        deploy(config, "end", "--accept")
        daemon.wait_for("deploy.accepted", target="main")
        judged(daemon)
        assert daemon.seen("alert.fired", alertname="PlansChanged") == []
        watched.users(30)
        fired = daemon.wait_for("alert.fired", alertname="PlansChanged")
        assert fired["annotations"]["summary"] == "pro had 50 users and has 30"


def test_a_file_declares_it_and_one_that_is_forgotten_expires(
    watched: Watched, folder: Path
) -> None:
    config = watched.config('[deploys]\nfile = "deploy.lock"\nmax = "3s"')
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        lock = folder / "deploy.lock"
        lock.write_text("release 6\nby somebody\n")
        daemon.wait_for("deploy.begun", source="file", reason="release 6")
        lock.unlink()
        daemon.wait_for("deploy.ended", source="file")
        lock.write_text("release 7\n")
        daemon.wait_for("deploy.expired", source="file", reason="release 7")
        assert "expired" in deploy(config, "list")
        lock.unlink()
        wait_until(lambda: "no deployment" in deploy(config, "list"))


@pytest.fixture
def hashed() -> str:
    import bcrypt

    return bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()


@pytest.mark.parametrize("is_tls", [False, True])
def test_who_gave_a_password_is_named_and_who_gave_none_is_refused(
    is_tls: bool,
    watched: Watched,
    folder: Path,
    hashed: str,
) -> None:
    lines = [f"basic_auth_users: {{anna: '{hashed}'}}"]
    if is_tls:
        # of an authority that no machine knows: the page's own file is what is trusted
        Authority(folder).issue("server")
        lines.append("tls_server_config: {cert_file: server.pem, key_file: server.key}")
    (folder / "web.yml").write_text("\n".join(lines))
    config = watched.config()
    text = config.read_text()
    config.write_text(text.replace("[web]\n", '[web]\nconfig_file = "web.yml"\n'))
    password = folder / "password"
    password.write_text("secret\n")
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        refused = run_command("deploy", "begin", "--config", str(config))
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "--user NAME --password-file FILE" in refused.stderr
        user = ("--user", "anna", "--password-file", str(password))
        assert "anna" in deploy(config, "begin", *user)
        daemon.wait_for("deploy.begun", by="anna")


def test_a_daemon_that_is_not_there_and_a_target_that_is_not_are_said(
    watched: Watched,
) -> None:
    config = watched.config()
    gone = run_command("deploy", "list", "--config", str(config))
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr.startswith("token-monitor: no answer from 127.0.0.1:")
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        wrong = run_command(
            "deploy", "begin", "--target", "mian", "--config", str(config)
        )
        assert wrong.returncode == 1
        assert 'no target "mian"; did you mean "main"?' in wrong.stderr
