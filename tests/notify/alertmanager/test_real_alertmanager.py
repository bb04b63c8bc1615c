"""Against the program itself, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from monitor.model.alerts import Alert, AlertState, fingerprint
from monitor.model.settings import labels_of
from monitor.notify.manager import Deliveries
from tests.notify.delivering import CLOCK, delivering
from tests.notify.far_end import (
    FarEnd,
    Reported,
    alert,
    far_end,
    receiver,
    until,
)
from tests.support.servers import free_port

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no Alertmanager is installed here"
)


class Alertmanager:
    """A process with a folder and a port of its own; it notifies a webhook at once."""

    def __init__(self, directory: Path, hook: str) -> None:
        self._directory = directory
        self._config = directory / "alertmanager.yml"
        self._config.write_text(
            "route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 100ms,"
            " repeat_interval: 1h}\n"
            f"receivers: [{{name: hook, webhook_configs: [{{url: '{hook}', send_resolved: true}}]}}]\n"
        )
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM is not None
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    PROGRAM,
                    f"--config.file={self._config}",
                    f"--storage.path={self._directory / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
            )
        until(self._is_ready, seconds=60)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def alerts(self) -> list[dict[str, Any]]:
        with urllib3.PoolManager() as pool:
            alerts: list[dict[str, Any]] = pool.request(
                "GET", f"{self.url}/api/v2/alerts"
            ).json()
        return alerts

    def _is_ready(self) -> bool:
        with urllib3.PoolManager(retries=False) as pool:
            try:
                return (
                    pool.request("GET", f"{self.url}/-/ready", timeout=1).status == 200
                )
            except urllib3.exceptions.HTTPError:
                return False


@pytest.fixture
def hook() -> Iterator[FarEnd]:
    with far_end() as server:
        yield server


@pytest.fixture
def alertmanager(hook: FarEnd) -> Iterator[Alertmanager]:
    directory = Path(tempfile.mkdtemp(prefix="tm-"))
    made = Alertmanager(directory, hook.url)
    made.start()
    yield made
    made.stop()
    shutil.rmtree(directory)


class Active:
    def __init__(self, *alerts: Alert) -> None:
        self.now: Sequence[Alert] = alerts

    def __call__(self) -> Sequence[Alert]:
        return self.now


@contextmanager
def deliveries(
    active: Active, reported: Reported, url: str, *, resend_delay: float = 60
) -> Iterator[Deliveries]:
    am = receiver(
        url,
        name="am",
        kind="alertmanager",
        resend_delay=timedelta(seconds=resend_delay),
    )
    with delivering([am], reported, snapshot=active, jitter=0.5) as made:
        yield made


def fresh(plan: str = "pro", **options: Any) -> Alert:
    return alert(plan, at=CLOCK.now() - timedelta(seconds=5), **options)


def notices(hook: FarEnd) -> list[tuple[str, str]]:
    reported = [
        (request.json["status"], request.json["alerts"][0]["labels"]["plan"])
        for request in hook.requests
    ]
    return list(dict.fromkeys(reported))


def test_it_gives_our_alerts_the_fingerprints_that_we_give_them(
    alertmanager: Alertmanager,
) -> None:
    odd = [
        {"alertname": "Low"},
        {"alertname": "Low", "plan": "pro", "target": "main", "severity": "critical"},
        {
            "alertname": "Niedrig — ≤ 5 %",
            "plan": "Zoë's “größter” 計画",
            "action": 'a"b\\c\nd',
        },
        {"alertname": "Low", "a": " ", "B": "x=y,z", "_": "0"},
    ]
    made = [replace(fresh(), labels=labels_of(labels)) for labels in odd]
    with deliveries(Active(*made), Reported(), alertmanager.url):
        until(lambda: len(alertmanager.alerts()) == len(odd))
    reported = {one["fingerprint"]: one["labels"] for one in alertmanager.alerts()}
    assert reported == {fingerprint(labels_of(labels)): labels for labels in odd}


def test_an_alert_comes_and_goes_with_its_texts_and_evidence(
    alertmanager: Alertmanager, hook: FarEnd
) -> None:
    firing = fresh(evidence=({"user_id": 7},))
    active = Active(firing)
    with deliveries(active, Reported(), alertmanager.url) as made:
        until(lambda: notices(hook) == [("firing", "pro")])
        (shown,) = alertmanager.alerts()
        assert shown["annotations"] == {
            "summary": "pro is low",
            "evidence": '[{"user_id": 7}]',
        }
        assert shown["generatorURL"] == f"https://monitor/alerts/{firing.fingerprint}"
        active.now = [
            replace(firing, state=AlertState.RESOLVED, resolved_at=CLOCK.now())
        ]
        made.poke()
        until(lambda: notices(hook) == [("firing", "pro"), ("resolved", "pro")])


def test_a_held_alert_is_kept_alive_beyond_the_end_that_was_sent_first(
    alertmanager: Alertmanager, hook: FarEnd
) -> None:
    reported = Reported()
    # Four delays are what it is sent: neither it nor we stand still for three.
    with deliveries(
        Active(fresh(held=True)), reported, alertmanager.url, resend_delay=1
    ):
        until(lambda: len(reported.reasons("am")) > 1)
        end = reported.deliveries[0].at + timedelta(seconds=5)
        until(lambda: CLOCK.now() > end)
        assert notices(hook) == [("firing", "pro")]
    # Sent no more, it says by itself that the alert is over.
    until(lambda: notices(hook) == [("firing", "pro"), ("resolved", "pro")])


def test_one_alert_that_it_refuses_does_not_keep_back_the_others(
    alertmanager: Alertmanager,
) -> None:
    reported = Reported()
    bad = replace(fresh("bad"), labels=(("alertname", "Low"), ("no-label-name", "x")))
    good = [fresh(f"good{number}") for number in range(9)]
    with deliveries(Active(bad, *good), reported, alertmanager.url) as made:
        until(lambda: made.status()["am"].waiting == 1)
        assert len(alertmanager.alerts()) == 9
    (refused,) = [delivery for delivery in reported.deliveries if delivery.reason]
    assert (refused.notifications, refused.recoverable) == (1, False)
    assert "no-label-name" in refused.message


def test_after_its_restart_it_knows_again_what_fires(
    alertmanager: Alertmanager, hook: FarEnd
) -> None:
    reported = Reported()
    with deliveries(
        Active(fresh()), reported, alertmanager.url, resend_delay=1
    ) as made:
        until(lambda: ("firing", "pro") in notices(hook))
        alertmanager.stop()
        until(lambda: made.status()["am"].failing_since is not None)
        alertmanager.start()
        until(lambda: len(alertmanager.alerts()) == 1)
        until(lambda: made.status()["am"].failing_since is None)
        until(lambda: made.status()["am"].waiting == 0)
