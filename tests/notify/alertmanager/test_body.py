from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

from monitor.model.alerts import AlertState
from monitor.notify.alertmanager.sender import alert_body
from monitor.notify.payload import rfc3339
from tests.notify.far_end import START, alert

EVIDENCE = ({"user_id": 7, "plan": "pró", "balance": None},)


def test_an_alertmanager_is_sent_when_a_firing_alert_ends_unless_it_is_sent_again() -> (
    None
):
    delay = timedelta(minutes=1)
    now = (START + timedelta(minutes=5)).astimezone(timezone(timedelta(hours=2)))
    firing = alert(evidence=EVIDENCE)
    sent = alert_body(
        firing, now=now, ends_at=now + 4 * delay, external_url="https://m"
    )
    assert sent == {
        "labels": dict(firing.labels),
        "annotations": {
            "summary": "pro is low",
            "evidence": '[{"user_id": 7, "plan": "pró", "balance": null}]',
        },
        "startsAt": "2026-11-22T14:00:00.000Z",
        "endsAt": "2026-11-22T14:09:00.000Z",
        "generatorURL": f"https://m/alerts/{firing.fingerprint}",
    }
    gone = alert_body(
        alert(state=AlertState.RESOLVED), now=now, ends_at=now, external_url=""
    )
    assert (gone["endsAt"], "generatorURL" in gone) == (
        "2026-11-22T14:01:00.000Z",
        False,
    )


def test_an_alert_that_is_over_never_ends_after_now_nor_before_it_began() -> None:
    over = alert(state=AlertState.RESOLVED)
    for ahead in (timedelta(seconds=3), timedelta(days=1)):
        now = START - ahead
        sent = alert_body(
            over, now=now, ends_at=now + timedelta(minutes=4), external_url=""
        )
        assert sent["startsAt"] == sent["endsAt"] == rfc3339(now)


def test_labels_that_are_no_text_become_text() -> None:
    odd = replace(alert(), labels=(("alertname", "Low"), ("plan", 7)))  # type: ignore[arg-type] # what must not happen
    sent = alert_body(odd, now=START, ends_at=START, external_url="")
    assert sent["labels"] == {"alertname": "Low", "plan": "7"}
