"""Reloads without end, rules that go, secrets that change: no run starves, no alert is lost or told twice."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from tests.acceptance.configs import two_files, webhook
from tests.acceptance.faults import stood_still
from tests.acceptance.observers import Alertmanager
from tests.acceptance.program import Hook, running, wait_until
from tests.acceptance.single_value import ALERT, FIRING, SingleValue
from tests.notify.far_end import far_end
from tests.support.hanging import hanging

RELOADS = 20
SLOWER_THAN_RELOADS = """summary = "Runs more rarely than we reload"
interval = "1s"
timeout = "900ms"
[metrics.app_rare]
help = "One"
value = "one"
[rules.Rare]
metric = "app_rare"
above = 0
for = "4s"
severity = "warning"
summary = "It took its time"
"""


def test_reload_after_reload_starves_no_query_leaks_nothing_and_keeps_every_clock(
    single_value: SingleValue, folder: Path, hook: Hook
) -> None:
    config = single_value.config(webhook(hook.url))
    two_files(folder, "rare", sql="SELECT 1 AS one", toml=SLOWER_THAN_RELOADS)
    text = config.read_text()
    with running(config) as daemon:
        single_value.set(1)
        hook.wait_for("firing", ALERT)
        pending = daemon.wait_for("alert.pending", alertname="Rare")
        threads, descriptors = daemon.threads(), daemon.descriptors()
        with_misses = 0
        for number in range(RELOADS):
            # something changes each time, and never what these queries are
            other = f'[receivers.other{number}]\nkind = "webhook"\nurl = "{hook.url}"\n'
            config.write_text(f'{text}\n{other}match = {{ target = "nobody" }}\n')
            seen = len(daemon.events)
            daemon.signal(signal.SIGHUP)
            daemon.wait_for("config.reloaded", after=seen)
            daemon.wait_for("run.finished", query="things", after=seen)
            with_misses += any(
                one["event"] == "run.missed" for one in daemon.events[seen:]
            )
        config.write_text(text)
        assert daemon.get("/-/reload", method="POST")[0] == 200
        fired = daemon.wait_for("alert.fired", alertname="Rare")
        assert fired["active_at"] == pending["active_at"]
        # a machine that does something else for a moment misses some runs, whether there are reloads or not
        assert with_misses <= RELOADS // 4
        # one more of each that is begun when it is needed: a second for the target, one for KILL
        wait_until(
            lambda: daemon.threads() <= threads + 4, why="no thread is left over"
        )
        wait_until(
            lambda: daemon.descriptors() <= descriptors + 4,
            why="no descriptor is left open",
        )
        for alertname in (ALERT, "Rare"):
            assert len(daemon.seen("alert.fired", alertname=alertname)) == 1
            assert daemon.seen("alert.resolved", alertname=alertname) == []
        runs = daemon.seen("run.finished", query="rare")
        assert all(
            one["scheduled_at"] < other["scheduled_at"] for one, other in pairwise(runs)
        )
    assert hook.alerts().count(("firing", ALERT)) == 1


def test_a_rule_that_a_reload_removes_is_over_in_alertmanager_and_says_why(
    single_value: SingleValue, folder: Path, hook: Hook
) -> None:
    alertmanager = Alertmanager(folder / "am", hook.url)
    receiver = f'[receivers.am]\nkind = "alertmanager"\nurls = ["{alertmanager.url}"]\nresend_delay = "1s"'
    config = single_value.config(receiver)
    try:
        alertmanager.start()
        with running(config) as daemon:
            single_value.set(1)
            hook.wait_for("firing", ALERT)
            (before,) = alertmanager.alerts()
            two_files(
                folder,
                "calm",
                sql="SELECT 1 AS n",
                toml='summary = "calm"\ninterval = "1s"\ntimeout = "900ms"',
            )
            for suffix in ("sql", "toml"):
                (folder / "queries" / f"things.{suffix}").unlink()
            assert daemon.get("/-/reload", method="POST")[0] == 200
            resolved = daemon.wait_for("alert.resolved", alertname=ALERT)
            assert resolved["resolve_reason"] == "rule_removed"
            hook.wait_for("resolved", ALERT)
            wait_until(lambda: alertmanager.alerts() == [])
            (reported,) = hook.bodies[-1]["alerts"]
            assert reported["fingerprint"] == before["fingerprint"]
            assert reported["annotations"]["resolve_reason"] == "rule_removed"
    finally:
        alertmanager.stop()


def test_a_bad_reload_in_the_middle_of_an_alert_changes_nothing(
    single_value: SingleValue, hook: Hook
) -> None:
    config = single_value.config(webhook(hook.url))
    good = config.read_text()
    successful = "token_monitor_config_last_reload_successful"
    with running(config) as daemon:
        single_value.set(1)
        hook.wait_for("firing", ALERT)
        for bad in (
            "[rules.Things]\nabove = 'many'\n",
            "this is no TOML",
            "[receivers.hook]\nkind = 'pigeon'\n",
        ):
            config.write_text(f"{good}\n{bad}")
            seen = len(daemon.events)
            daemon.signal(signal.SIGHUP)
            rejected = daemon.wait_for("config.rejected", after=seen)
            assert rejected["problems"]
            assert all(
                problem.startswith("config.toml:") for problem in rejected["problems"]
            )
            assert daemon.series(successful) == {successful: 0.0}
            assert daemon.series(FIRING) == {FIRING: 1.0}
        config.unlink()
        assert daemon.get("/-/reload", method="POST")[0] == 500
        single_value.set(0)
        hook.wait_for("resolved", ALERT)
        config.write_text(good)
        assert daemon.get("/-/reload", method="POST")[0] == 200
        assert daemon.series(successful) == {successful: 1.0}
    assert hook.alerts() == [("firing", ALERT), ("resolved", ALERT)]


def test_a_web_config_file_that_waits_for_a_restart_is_refused_where_that_start_would_end(
    single_value: SingleValue,
) -> None:
    config = single_value.config()
    good = config.read_text()
    web = config.with_name("web.yml")
    successful = "token_monitor_config_last_reload_successful"
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        web.write_text("basic_auth_users:\n  ann: $2y$10$no-hash\n")
        config.write_text(good.replace("[web]\n", '[web]\nconfig_file = "web.yml"\n'))
        status, text = daemon.get("/-/reload", method="POST")
        assert (status, "web.yml" in text) == (500, True)
        assert daemon.series(successful) == {successful: 0.0}
        web.write_text("http_server_config:\n  headers:\n    X-Frame-Options: DENY\n")
        assert daemon.get("/-/reload", method="POST")[0] == 200
        assert daemon.wait_for("config.reloaded")["needs_restart"] == ["web"]
        assert daemon.series(successful) == {successful: 1.0}


def test_reloads_that_hang_take_no_scrape_and_no_page_and_all_are_answered(
    single_value: SingleValue,
) -> None:
    config = single_value.config()
    with (
        running(config) as daemon,
        ThreadPoolExecutor(6) as clients,
        ExitStack() as hang,
    ):
        daemon.wait_for("run.finished", query="things")
        is_waited_for = hang.enter_context(hanging(config))
        reloads = [
            clients.submit(daemon.get, "/-/reload", method="POST") for _ in range(6)
        ]
        wait_until(is_waited_for)
        for path in ("/-/healthy", "/metrics", "/", "/api/v1/alerts") * 2:
            assert daemon.get(path)[0] == 200
        assert not any(reload.done() for reload in reloads)
        hang.close()
        assert [reload.result(30) for reload in reloads] == [(200, "reloaded\n")] * 6
        wait_until(
            lambda: len(daemon.seen("config.reloaded")) == 6, why="each was done"
        )


def test_sigterm_is_heard_while_reloads_hang_and_who_asked_for_them_is_answered(
    single_value: SingleValue,
) -> None:
    config = single_value.config()
    with running(config) as daemon, ThreadPoolExecutor(3) as clients:
        daemon.wait_for("run.finished", query="things")
        with hanging(config) as is_waited_for:
            reloads = [
                clients.submit(daemon.get, "/-/reload", method="POST") for _ in range(3)
            ]
            wait_until(is_waited_for)
            assert daemon.stop() == 0
            # some may come too late to be heard
            answers = [
                reload.result() for reload in reloads if not reload.exception(30)
            ]
            assert (500, "not reloaded: the monitor is stopping\n") in answers
            assert daemon.seen("monitor.stopped")[-1]["reason"] == "SIGTERM"
            assert daemon.seen("config.reloaded") == []


def test_a_pipe_in_place_of_the_configuration_is_refused_and_it_still_hears_its_end(
    single_value: SingleValue,
) -> None:
    config = single_value.config()
    with running(config) as daemon:
        daemon.wait_for("run.finished", query="things")
        config.unlink()
        os.mkfifo(config)  # to open it would last until somebody writes
        assert daemon.get("/-/reload", method="POST") == (
            500,
            "config.toml: cannot be read: no regular file\n",
        )
        assert daemon.stop() == 0


def test_a_password_that_is_changed_on_the_server_and_then_in_its_file_needs_no_restart(
    single_value: SingleValue, folder: Path, hook: Hook
) -> None:
    user = f"rotated_{single_value.schema}"
    single_value.execute(f"CREATE USER {user}@localhost IDENTIFIED BY 'before'")
    single_value.execute(f"GRANT SELECT ON {single_value.schema}.* TO {user}@localhost")
    (folder / "password").write_text("before\n")
    config = single_value.config(
        webhook(hook.url), target={"user": user, "password_file": "password"}
    )
    try:
        with running(config) as daemon:
            single_value.set(1)
            hook.wait_for("firing", ALERT)
            single_value.execute(
                f"ALTER USER {user}@localhost IDENTIFIED BY 'after-the-rotation'"
            )
            single_value.kill_sessions()
            lost = daemon.wait_for("target.lost")
            assert lost["reason"] == "access_denied" or stood_still(lost)
            daemon.wait_for("run.failed", reason="access_denied")
            assert daemon.series(FIRING) == {FIRING: 1.0}
            single_value.set(0)
            (folder / "password").write_text("after-the-rotation\n")
            daemon.wait_for("target.recovered", seconds=60)
            hook.wait_for("resolved", ALERT)
        assert hook.alerts() == [("firing", ALERT), ("resolved", ALERT)]
        assert "after-the-rotation" not in "\n".join(daemon.raw)
    finally:
        single_value.execute(f"DROP USER {user}@localhost")


def test_the_address_of_a_receiver_that_is_changed_in_its_file_counts_for_what_still_waits(
    single_value: SingleValue, folder: Path
) -> None:
    file = folder / "address"
    with far_end() as end:
        file.write_text("http://127.0.0.1:1/old-secret-path\n")
        config = single_value.config(
            f'[receivers.hook]\nkind = "webhook"\nurl_file = {json.dumps(str(file))}'
        )
        with running(config) as daemon:
            single_value.set(1)
            daemon.wait_for("delivery.failed", receiver="hook", reason="refused")
            file.write_text(f"{end.url}/new-secret-path\n")
            daemon.wait_for("delivery.succeeded", receiver="hook", seconds=60)
            single_value.set(0)
            wait_until(lambda: len(end.requests) == 2)
        assert [request.json["status"] for request in end.requests] == [
            "firing",
            "resolved",
        ]
        assert "secret-path" not in "\n".join(daemon.raw)
