"""Silences and acknowledgements of the real daemon, by its own commands and by the real amtool."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from pathlib import Path

import bcrypt
import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import webhook
from tests.acceptance.observers import program
from tests.acceptance.program import (
    Daemon,
    Hook,
    run_command,
    running,
    wait_until,
)
from tests.acceptance.single_value import ALERT, SingleValue
from tests.support.servers import free_port


class Silenced(SingleValue):
    """A number that is watched, told to a hook, behind a page with one user."""

    def __init__(self, server: PrivateMariaDB, schema: str, folder: Path) -> None:
        super().__init__(server, schema, folder)
        self.port = free_port()
        hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
        (folder / "web.yml").write_text(f"basic_auth_users: {{anna: '{hashed}'}}\n")
        (folder / "password").write_text("secret\n")
        self.path = folder / "config.toml"

    def behind_a_password(self, extra: str) -> Path:
        """Write the configuration."""
        path = self.config(extra)
        web = f'[web]\nlisten = "127.0.0.1:{self.port}"\nconfig_file = "web.yml"'
        text = path.read_text().replace('[web]\nlisten = "127.0.0.1:0"', web)
        path.write_text(text)
        return path

    def ask(self, *words: str) -> str:
        """Return what a command of ours prints that the daemon answers."""
        user = ("--user", "anna", "--password-file", str(self.folder / "password"))
        done = run_command(*words, *user, "--config", str(self.path))
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def amtool(self, *words: str) -> str:
        """Return what amtool prints."""
        done = self.tried(*words)
        assert done.returncode == 0, done
        return done.stdout

    def tried(
        self, *words: str, user: str = "anna:secret@"
    ) -> subprocess.CompletedProcess[str]:
        """Return how amtool ends."""
        url = f"http://{user}127.0.0.1:{self.port}"
        return subprocess.run(
            [program("amtool"), f"--alertmanager.url={url}", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def alerts(self) -> list[dict[str, object]]:
        """Return the alerts that the daemon has written."""
        done = run_command("alerts", "--format", "json", "--config", str(self.path))
        found: list[dict[str, object]] = json.loads(done.stdout)
        return [one for one in found if one["alertname"] == ALERT]


@pytest.fixture
def watched(mariadb: PrivateMariaDB, schema: str, folder: Path) -> Silenced:
    return Silenced(mariadb, schema, folder)


def told(hook: Hook) -> list[str]:
    """Return what the hook was told of the alert, in order."""
    return [status for status, name in hook.alerts() if name == ALERT]


def runs(daemon: Daemon, count: int = 2) -> None:
    """Wait until so many more runs have ended."""
    seen = len(daemon.seen("run.finished"))
    wait_until(lambda: len(daemon.seen("run.finished")) >= seen + count)


def fires(watched: Silenced) -> bool:
    return [one["state"] for one in watched.alerts()] == ["firing"]


def test_what_is_silenced_is_told_at_the_end_also_after_a_kill(
    watched: Silenced, hook: Hook
) -> None:
    config = watched.behind_a_password(webhook(hook.url))
    first = Daemon(config)
    first.wait_for("monitor.started")
    added = watched.ask(
        "silence", "add", f"alertname={ALERT}", "target=~ma.*", "--comment", "an import"
    )
    first.wait_for("silence.added", id=added.strip(), by="anna", comment="an import")
    first.wait_for("silence.started", id=added.strip())
    watched.set(3)
    first.wait_for("alert.fired", alertname=ALERT)
    wait_until(lambda: fires(watched))
    runs(first)
    first.kill()
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        runs(daemon)
        assert added.strip() in watched.ask("silence", "list")
        (alert,) = watched.alerts()
        assert alert["silenced_by"] == [added.strip()]
        assert told(hook) == []
        watched.ask("silence", "end", added.strip())
        daemon.wait_for("silence.ended", by="anna")
        hook.wait_for("firing", ALERT)
        assert watched.ask("silence", "list") == "no silences\n"
        assert "expired" in watched.ask("silence", "list", "--expired")
        watched.set(0)
        hook.wait_for("resolved", ALERT)
    assert told(hook) == ["firing", "resolved"]


def test_it_ends_by_itself_and_nothing_is_told_before(
    watched: Silenced, hook: Hook
) -> None:
    config = watched.behind_a_password(webhook(hook.url))
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        watched.ask("silence", "add", ALERT, "--for", "8s")
        watched.set(3)
        hook.wait_for("firing", ALERT)
        over = daemon.wait_for("silence.expired")
    assert told(hook) == ["firing"]
    assert hook.times[0] >= datetime.fromisoformat(over["ends_at"]).timestamp()


def test_a_reload_ends_no_silence(watched: Silenced, hook: Hook) -> None:
    config = watched.behind_a_password(webhook(hook.url))
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        id_ = watched.ask("silence", "add", ALERT, "--for", "1h").strip()
        watched.set(3)
        daemon.wait_for("alert.fired", alertname=ALERT)
        config.write_text(config.read_text() + "\n# changed\n")
        daemon.signal(1)
        daemon.wait_for("config.reloaded")
        runs(daemon)
        assert told(hook) == []
        watched.ask("silence", "end", id_)
        hook.wait_for("firing", ALERT)
    assert told(hook) == ["firing"]


def test_who_knows_is_not_reminded_until_it_resolves(
    watched: Silenced, hook: Hook
) -> None:
    config = watched.behind_a_password(f'{webhook(hook.url)}\nrepeat_interval = "1s"\n')
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        watched.set(3)
        wait_until(lambda: told(hook).count("firing") >= 2)
        wait_until(lambda: fires(watched))
        fingerprint = str(watched.alerts()[0]["fingerprint"])
        assert watched.ask("ack", fingerprint, "--comment", "on it") == (
            f"{fingerprint}: acknowledged by anna\n"
        )
        daemon.wait_for("alert.acknowledged", by="anna", comment="on it")
        wait_until(lambda: bool(watched.alerts()[0]["acknowledged"]))
        # What was on its way when it was acknowledged has come by then.
        runs(daemon)
        before = len(told(hook))
        runs(daemon, 6)
        assert len(told(hook)) == before
        watched.set(0)
        hook.wait_for("resolved", ALERT)
        watched.set(3)
        count = told(hook).count("firing")
        wait_until(lambda: told(hook).count("firing") >= count + 2)
        assert watched.alerts()[0]["acknowledged"] is None


def test_amtool_adds_lists_and_ends_silences_and_lists_alerts(
    watched: Silenced, hook: Hook
) -> None:
    config = watched.behind_a_password(webhook(hook.url))
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        watched.set(3)
        hook.wait_for("firing", ALERT)
        assert ALERT in watched.amtool("alert", "query", f"alertname={ALERT}")
        assert ALERT not in watched.amtool("alert", "query", "alertname=Other")
        id_ = watched.amtool(
            *("silence", "add", ALERT, "severity=~crit.*", "target!=other"),
            *("--duration=2h", "--author=ops", "--comment=moving"),
        ).strip()
        event = daemon.wait_for("silence.added", id=id_, by="ops (as anna)")
        assert event["matchers"] == [
            f'alertname="{ALERT}"',
            'severity=~"crit.*"',
            'target!="other"',
        ]
        assert id_ in watched.amtool("silence", "query")
        assert watched.amtool("silence", "query", "-q", "alertname=Other") == ""
        assert watched.amtool("silence", "query", "-q", ALERT).strip() == id_
        wait_until(lambda: ALERT not in watched.amtool("alert", "query"))
        assert ALERT in watched.amtool("alert", "query", "--silenced")
        renewed = watched.amtool("silence", "update", "--duration=3h", id_)
        ids = watched.amtool("silence", "query", "-q").split()
        assert len(ids) == 1
        assert ids[0] in renewed
        watched.amtool("silence", "expire", ids[0])
        daemon.wait_for("silence.ended", id=ids[0], by="anna")
        assert watched.amtool("silence", "query", "-q") == ""
        assert ids[0] in watched.amtool("silence", "query", "-q", "--expired")
        assert ALERT in watched.amtool("alert", "query")


@pytest.mark.parametrize(
    ("words", "user", "why"),
    [
        (("alertname=TokenMonitorTargetDown",), "anna:secret@", "cannot be silenced"),
        (("alertname=~TokenMonitor.*",), "anna:secret@", "cannot be silenced"),
        ((f"alertname={ALERT}",), "", "401"),
        ((f"alertname={ALERT}",), "anna:wrong@", "401"),
    ],
)
def test_amtool_is_told_why_a_silence_is_refused(
    words: tuple[str, ...], user: str, why: str, watched: Silenced
) -> None:
    config = watched.behind_a_password("")
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        done = watched.tried("silence", "add", *words, "--comment=x", user=user)
        assert done.returncode != 0
        assert why in done.stderr
        assert daemon.seen("silence.added") == []
