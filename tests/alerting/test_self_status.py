"""What the monitor knows of itself: a refused configuration, certificates that end."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.alerting.self_status import (
    SelfStatus,
    certificates_ending,
    config_rejected,
)
from monitor.config import load
from monitor.daemon.config_status import ConfigStatus
from monitor.model.alerts import Alert, ReceiverHealth, Untaken
from monitor.model.certificates import Certificate
from monitor.model.conditions import Condition
from monitor.model.results import Outcome
from monitor.model.settings import Config, Severity, labels_of
from monitor.notify.kinds import KINDS
from monitor.secrets.certificates import end_of_certificate, end_of_certificate_in
from monitor.telemetry.counters import Telemetry
from monitor.web import LastReload
from tests.alerting.test_shipped_causes import CONFIG as SHIPPED
from tests.support.harness import (
    COLUMNS,
    LOST,
    MINUTE,
    OWN_RULES,
    SERVER,
    Harness,
    a_config,
    a_rule,
    columns,
)
from tests.web.certificates import Authority

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
REJECTED = a_rule("TokenMonitorConfigRejected", "config_problems")
EXPIRING = a_rule(
    "TokenMonitorCertificateExpiring",
    "certificate_days",
    hold=timedelta(0),
    condition=Condition("below", 14.0),
    severity=Severity.WARNING,
)


@pytest.mark.parametrize(
    ("problems", "text"),
    [
        ((), ""),
        (("a: wrong",), "a: wrong"),
        (("a", "b", "c"), "a; b; c"),
        (("a", "b", "c", "d", "e"), "a; b; c; and 2 more"),
    ],
)
def test_the_problems_are_counted_and_the_first_of_them_are_reported(
    problems: tuple[str, ...], text: str
) -> None:
    sample = config_rejected(REJECTED, SelfStatus(problems))
    assert (sample.value, dict(sample.details).get("problems", "")) == (
        len(problems),
        text,
    )


def test_days_until_a_certificate_ends_are_reported_of_whose_it_is() -> None:
    certificates = (
        Certificate("server", NOW + timedelta(days=20, hours=12)),
        Certificate("client", NOW - timedelta(days=1)),
    )
    samples = certificates_ending(EXPIRING, certificates, NOW, target="main")
    assert [(sample.value, sample.labels) for sample in samples] == [
        (20.5, labels_of({"certificate": "server"})),
        (-1.0, labels_of({"certificate": "client"})),
    ]
    assert [dict(sample.details) for sample in samples] == [
        {"whose": "the server of main", "ends_at": "2026-12-11 00:00 UTC"},
        {
            "whose": "the monitor, which it shows to main,",
            "ends_at": "2026-11-19 12:00 UTC",
        },
    ]


class Connected(Harness):
    """A harness whose target is reached over TLS."""

    def __init__(self) -> None:
        super().__init__(a_config(COLUMNS, own_rules=(*OWN_RULES, EXPIRING)))
        self.ends_at = self.at + timedelta(days=15)

    def run(self, name: str, outcome: Outcome) -> None:
        certificates = (Certificate("server", self.ends_at),)
        self.server = replace(SERVER, certificates=certificates)
        super().run(name, outcome)

    def day(self, outcome: Outcome) -> list[str]:
        """Let a day pass with a run at its end; gives what was reported of certificates."""
        self.asleep(timedelta(days=1)).run("missing_columns", outcome)
        self.after(MINUTE)
        return [line for line in self.reported() if "Certificate" in line]


def test_a_certificate_fires_two_weeks_before_it_ends_is_held_while_the_target_is_lost_and_resolves() -> (
    None
):
    harness = Connected()
    harness.run("missing_columns", columns())
    assert harness.day(columns()) == ["TokenMonitorCertificateExpiring fired"]
    assert harness.day(columns()) == []
    assert harness.day(LOST) == []
    assert harness.shown()["TokenMonitorCertificateExpiring"].startswith("firing held")
    harness.ends_at += timedelta(days=90)
    assert harness.day(columns()) == ["TokenMonitorCertificateExpiring resolved"]


def test_the_end_of_a_certificate_is_read_of_either_form_and_of_the_first_in_a_file(
    tmp_path: Path,
) -> None:
    ends_at = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)
    authority = Authority(tmp_path)
    file, _ = authority.issue("server", until=ends_at)
    chain = file.read_bytes() + authority.file.read_bytes()
    file.write_bytes(chain)
    assert end_of_certificate_in(file) == ends_at
    assert (
        end_of_certificate(
            ssl.PEM_cert_to_DER_cert(chain.decode().partition("-----END")[0] + END)
        )
        == ends_at
    )
    assert end_of_certificate(b"rubbish") is None
    assert end_of_certificate_in(tmp_path / "no such file") is None


END = "-----END CERTIFICATE-----\n"


def test_what_is_refused_stands_until_it_is_taken_from_where_it_came() -> None:
    telemetry = Telemetry("1")
    reloads: list[bool] = []
    status = ConfigStatus(telemetry, lambda: NOW, reload=lambda: reloads.append(True))
    status.start()
    assert telemetry.reload_ok is True
    status.note("configuration", ["config.toml: bad", "web.yml: bad"])
    status.note_web(("web.yml: bad",))
    assert status.problems == ("config.toml: bad", "web.yml: bad")
    assert (telemetry.reload_ok, reloads) == (False, [])
    status.note_web(())
    assert (telemetry.reload_ok, reloads) == (False, [True])
    status.note("configuration")
    assert telemetry.reload_ok is True
    assert status.last == LastReload(NOW)
    status.note_web(("web.yml: bad",))
    assert (telemetry.reload_ok, status.last) == (
        False,
        LastReload(NOW, ("web.yml: bad",)),
    )
    status.note_web(())
    assert (telemetry.reload_ok, reloads) == (True, [True])


def _delivery_failing(harness: Harness) -> Alert:
    """Return the alert of a receiver that takes nothing, or not all."""
    alerts = harness.pipeline.snapshot.alerts
    return next(one for one in alerts if one.name == "TokenMonitorDeliveryFailing")


def test_a_receiver_that_fails_is_said_to_since_it_began_to_and_not_since_it_was_too_long(
    tmp_path: Path,
) -> None:
    harness = Harness(_shipped(tmp_path))
    harness.health["hook"] = ReceiverHealth(harness.at, "refused", "refused", 3)
    harness.after(6 * MINUTE).tick()
    said = dict(_delivery_failing(harness).annotations)
    assert said["summary"] == (
        "Receiver hook does not take what is due to it since 2026-03-01 12:00:00 UTC; 3 notifications wait"
    )
    assert (
        "Alerts do not reach hook since 2026-03-01 12:00:00 UTC" in said["description"]
    )
    assert "others" not in said["description"].split("They are kept")[0]


def test_a_receiver_that_does_not_take_one_notification_is_reported_though_it_takes_others(
    tmp_path: Path,
) -> None:
    harness = Harness(_shipped(tmp_path))
    untaken = Untaken(harness.at, "http_500", "boom")
    one_fails = ReceiverHealth(None, "", "", 1, harness.at, untaken=untaken)
    harness.health["hook"] = one_fails
    harness.after(4 * MINUTE).tick()
    assert "TokenMonitorDeliveryFailing" not in harness.shown()
    harness.after(2 * MINUTE).tick()
    said = dict(_delivery_failing(harness).annotations)
    assert "(http_500: boom). It takes others" in said["description"]
    harness.health["hook"] = ReceiverHealth()
    harness.tick()
    assert harness.shown()["TokenMonitorDeliveryFailing"] == "resolved"


def _shipped(directory: Path) -> Config:
    """Return a configuration with the shipped rules about the monitor."""
    (directory / "config.toml").write_text(SHIPPED)
    config = load(directory / "config.toml", {}, KINDS)
    return replace(a_config(COLUMNS), own_rules=config.own_rules)
