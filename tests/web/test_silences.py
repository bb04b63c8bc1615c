"""Silences by HTTP, in Alertmanager's form: whole answers, who may, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.model.alerts import Alert
from monitor.model.label_matchers import parse_matcher
from monitor.model.silences import (
    MAX_SILENCES,
    Acknowledge,
    Acknowledgement,
    AddSilence,
    EndSilence,
    Quieted,
    Silence,
)
from tests.web.picture import NOW, the_incident
from tests.web.serving import Answer, Client, ServedState, serving
from tests.web.web_config_files import basic, file_with, users_text

HOUR = timedelta(hours=1)
ANNA = basic("anna", "secret")
ACTIVE = Silence(
    "a1",
    (parse_matcher('plan=~"p.*"'), parse_matcher("target!=other")),
    NOW - HOUR,
    NOW + HOUR,
    NOW - HOUR,
    "anna",
    "moving",
)
PENDING = replace(ACTIVE, id="p1", starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
EXPIRED = replace(ACTIVE, id="e1", ends_at=NOW - timedelta(minutes=1))
SILENCES = {one.id: one for one in (EXPIRED, PENDING, ACTIVE)}


@contextmanager
def behind_a_password(folder: Path) -> Iterator[Client]:
    """Serve an incident and some silences to who has a password."""
    served = ServedState()
    served.snapshot = replace(the_incident(served.config), silences=SILENCES)
    file = file_with(folder, users_text(anna="secret"))
    with serving(served, config_file=file) as client:
        yield client


def firing(client: Client) -> Alert:
    """Return an alert that fires, about what may be silenced."""
    return next(
        alert
        for alert in client.served.snapshot.alerts
        if alert.is_firing() and not alert.name.startswith("TokenMonitor")
    )


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def a_body(**changes: Any) -> bytes:
    matcher = {"name": "plan", "value": "pro", "isRegex": False, "isEqual": True}
    body = {
        "matchers": [matcher],
        "startsAt": text(NOW - HOUR),
        "endsAt": text(NOW + HOUR),
        "createdBy": "ops",
        "comment": "a\n  b",
    }
    body.update(changes)
    return json.dumps(body).encode()


def named(name: str, value: str, **more: bool) -> list[dict[str, object]]:
    return [{"name": name, "value": value, **more}]


def post(client: Client, body: bytes, **headers: str) -> Answer:
    return client.ask("POST", "/api/v2/silences", {**ANNA, **headers}, body)


def test_silences_are_answered_whole_active_ones_first(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        answer = client.ask("GET", "/api/v2/silences", ANNA)
        assert [one["id"] for one in answer.json] == ["a1", "p1", "e1"]
        states = [one["status"]["state"] for one in answer.json]
        assert states == ["active", "pending", "expired"]
        expected = {
            "id": "a1",
            "status": {"state": "active"},
            "updatedAt": text(NOW - HOUR),
            "comment": "moving",
            "createdBy": "anna",
            "startsAt": text(NOW - HOUR),
            "endsAt": text(NOW + HOUR),
            "matchers": [
                {"name": "plan", "value": "p.*", "isRegex": True, "isEqual": True},
                {
                    "name": "target",
                    "value": "other",
                    "isRegex": False,
                    "isEqual": False,
                },
            ],
        }
        assert answer.json[0] == expected
        assert client.ask("GET", "/api/v2/silence/a1", ANNA).json == expected
        assert client.ask("GET", "/api/v2/silence/x", ANNA).status == 404
        found = client.ask("GET", "/api/v2/silences?filter=plan%3D~%22x.*%22", ANNA)
        assert found.json == []
        found = client.ask("GET", "/api/v2/silences?filter=target%3Dother", ANNA)
        assert len(found.json) == 3
        assert client.ask("GET", "/api/v2/silences?filter=%3D", ANNA).status == 400
        many = "&".join(["filter=plan%3D~x"] * 21)
        assert client.ask("GET", f"/api/v2/silences?{many}", ANNA).status == 400
        assert client.ask("GET", f"/api/v2/alerts?{many}", ANNA).status == 400


def test_a_silence_that_is_asked_for_is_handed_over(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        answer = post(client, a_body())
        assert answer.status == 200
        assert client.served.declared == [
            AddSilence(
                Silence(
                    answer.json["silenceID"],
                    (parse_matcher("plan=pro"),),
                    # Not before somebody asked for it.
                    NOW,
                    NOW + HOUR,
                    NOW,
                    "ops (as anna)",
                    "a b",
                )
            )
        ]


def test_one_with_an_id_comes_in_place_of_that_one(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        answer = post(client, a_body(id="a1", createdBy="anna"))
        (asked,) = client.served.declared
        assert isinstance(asked, AddSilence)
        assert asked.replaces == "a1"
        assert asked.silence.id == answer.json["silenceID"] != "a1"
        assert asked.silence.by == "anna"
        assert post(client, a_body(id="nobody")).status == 404


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"matchers": []}, "no matcher wants a label"),
        ({"matchers": named("plan", "")}, "no matcher wants a label"),
        ({"matchers": named("plan", "x", isEqual=False)}, "no matcher wants a label"),
        ({"matchers": named("plan", ".*", isRegex=True)}, "no matcher wants a label"),
        ({"matchers": named("plan", "(", isRegex=True)}, "is not a regular expression"),
        ({"matchers": named("plan", "(?=a)", isRegex=True)}, "look-around"),
        (
            {"matchers": named("plan", "x{1000}{1000}", isRegex=True)},
            "is too large; allowed: 10 times",
        ),
        ({"matchers": named("pl an", "x")}, "is not the name of a label"),
        ({"matchers": named("plan", "x" * 1001)}, "is longer than 1000 characters"),
        ({"matchers": named("plan", "x") * 21}, "more than 20 matchers"),
        ({"matchers": [{"name": "plan"}]}, "matchers.0.value"),
        ({"matchers": "plan=pro"}, "matchers"),
        ({"endsAt": text(NOW)}, "endsAt: is not behind"),
        ({"endsAt": text(NOW + timedelta(days=367))}, "endsAt: is more than 366d"),
        ({"startsAt": text(NOW + 2 * HOUR)}, "endsAt: is not behind"),
        ({"endsAt": "tomorrow"}, "endsAt: 'tomorrow' is not a time"),
        ({"endsAt": "2026-11-22T16:00:00"}, "is not a time"),
        ({"endsAt": "0001-01-01T00:00:00+14:00"}, "endsAt: is not behind"),
        ({"endsAt": 5}, "endsAt"),
        (
            {"matchers": named("alertname", "TokenMonitorWatchdog")},
            "cannot be silenced",
        ),
        ({"matchers": named("alertname", "TokenMonitorMadeUp")}, "cannot be silenced"),
        (
            {"matchers": named("alertname", "TokenMonitor.*", isRegex=True)},
            "cannot be silenced",
        ),
    ],
)
def test_what_is_wrong_with_a_silence_is_said_and_counted(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with behind_a_password(tmp_path) as client:
        answer = post(client, a_body(**changes))
        assert answer.status == 400
        assert said in answer.json
        assert len(answer.body) < 3_000
        assert client.served.declared == []
        reason = "own_alert" if "cannot be silenced" in said else "invalid"
        assert client.served.refused_silences == [reason]


def test_what_fits_others_too_leaves_out_those_about_the_monitor(
    tmp_path: Path,
) -> None:
    with behind_a_password(tmp_path) as client:
        body = a_body(matchers=named("alertname", "Token.*", isRegex=True))
        assert post(client, body).status == 200


def test_the_maintenance_window_of_the_documentation_is_taken_and_begins_later(
    tmp_path: Path,
) -> None:
    docs = Path(__file__).parents[2] / "docs" / "silences.md"
    (body,) = re.findall(r"/api/v2/silences -d '(.*?)'", docs.read_text(), re.DOTALL)
    with behind_a_password(tmp_path) as client:
        answer = post(client, body.encode())
        assert answer.status == 200
        (asked,) = client.served.declared
    assert isinstance(asked, AddSilence)
    silence = asked.silence
    assert (silence.words, silence.by) == ('target=~"db-.*"', "anna")
    assert not silence.is_active(NOW)
    assert silence.is_active(datetime(2026, 11, 23, 3, tzinfo=UTC))


@pytest.mark.parametrize("body", [b"{", b"[]", b"5", b""])
def test_what_is_no_silence_is_refused(body: bytes, tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        assert post(client, body).status == 400
        assert client.served.refused_silences == ["invalid"]


def test_there_is_an_end_of_silences(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        many = {f"s{n}": replace(ACTIVE, id=f"s{n}") for n in range(MAX_SILENCES)}
        client.served.snapshot = replace(client.served.snapshot, silences=many)
        answer = post(client, a_body())
        assert (answer.status, client.served.refused_silences) == (400, ["full"])
        assert "500 silences already" in answer.json
        # One that comes in place of another takes no room.
        assert post(client, a_body(id="s1")).status == 200


def test_one_is_ended_once(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        assert client.ask("DELETE", "/api/v2/silence/p1", ANNA).status == 200
        assert client.ask("DELETE", "/api/v2/silence/e1", ANNA).status == 404
        assert client.ask("DELETE", "/api/v2/silence/x", ANNA).status == 404
        assert client.served.declared == [EndSilence("p1", "anna")]


WRITING = (
    ("POST", "/api/v2/silences"),
    ("DELETE", "/api/v2/silence/a1"),
    ("POST", "/api/v1/alerts/0123456789abcdef/acknowledgement"),
    ("DELETE", "/api/v1/alerts/0123456789abcdef/acknowledgement"),
)


@pytest.mark.parametrize(("method", "path"), WRITING)
def test_without_a_password_nobody_writes(method: str, path: str) -> None:
    with serving() as client:
        client.served.snapshot = replace(client.served.snapshot, silences=SILENCES)
        answer = client.ask(method, path, {}, a_body())
        assert answer.status == 403
        assert "add users to the web-config file" in answer.json
        assert client.served.declared == []
        assert client.served.refused_silences == ["password"]
        assert len(client.get("/api/v2/silences").json) == 3


@pytest.mark.parametrize(("method", "path"), WRITING)
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://elsewhere"},
        {"origin": "null"},
    ],
)
def test_a_page_of_another_origin_writes_nothing(
    method: str, path: str, headers: dict[str, str], tmp_path: Path
) -> None:
    with behind_a_password(tmp_path) as client:
        assert client.ask(method, path, {**ANNA, **headers}, a_body()).status == 403
        assert client.served.declared == []
        assert client.served.refused_silences == ["foreign"]


def test_what_is_not_recorded_in_time_is_said(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        client.served.is_recorded = False
        assert post(client, a_body()).status == 503


def test_somebody_knows_of_an_alert_that_fires(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        fingerprint = firing(client).fingerprint
        path = f"/api/v1/alerts/{fingerprint}/acknowledgement"
        answer = client.ask("POST", path, ANNA, b'{"comment": "on it", "by": "ben"}')
        assert answer.status == 200
        assert client.ask("DELETE", path, ANNA).status == 200
        assert client.served.declared == [
            Acknowledge(fingerprint, "ben (as anna)", "on it"),
            Acknowledge(fingerprint, "anna", "", withdraws=True),
        ]


def test_what_does_not_fire_is_not_acknowledged(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        pending = [one for one in client.served.snapshot.alerts if one.is_pending()]
        for fingerprint in ("0" * 16, *(one.fingerprint for one in pending)):
            path = f"/api/v1/alerts/{fingerprint}/acknowledgement"
            assert client.ask("POST", path, ANNA).status == 404
        assert client.served.declared == []


def silence_first(client: Client) -> Alert:
    """Mark the first alert that fires as silenced and acknowledged."""
    chosen = firing(client)
    marked = replace(
        chosen,
        silence=Quieted(("a1", "maintenance/nightly"), "anna", "moving", NOW + HOUR),
        acknowledged=Acknowledgement(NOW, "ben", "on it"),
    )
    alerts = tuple(
        marked if one is chosen else one for one in client.served.snapshot.alerts
    )
    client.served.snapshot = replace(client.served.snapshot, alerts=alerts)
    return marked


def test_alerts_come_as_an_alertmanager_has_them(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        marked = silence_first(client)
        answer = client.ask("GET", "/api/v2/alerts", ANNA)
        by_fingerprint = {one["fingerprint"]: one for one in answer.json}
        fires = [one for one in client.served.snapshot.alerts if one.is_firing()]
        assert by_fingerprint.keys() == {one.fingerprint for one in fires}
        found = by_fingerprint[marked.fingerprint]
        assert found.keys() == {
            *("annotations", "endsAt", "fingerprint", "receivers", "startsAt"),
            *("status", "updatedAt", "generatorURL", "labels"),
        }
        assert found["status"] == {
            "inhibitedBy": [],
            "mutedBy": ["maintenance/nightly"],
            "silencedBy": ["a1", "maintenance/nightly"],
            "state": "suppressed",
        }
        assert found["labels"] == dict(marked.labels)
        # Ids and balances are of no label and no annotation.
        assert "user_id" not in answer.text


@pytest.mark.parametrize(
    ("query", "has_silenced", "has_others"),
    [
        ("", True, True),
        ("?silenced=false", False, True),
        ("?active=false&inhibited=false", True, False),
        ("?silenced=false&active=false&inhibited=false", False, False),
    ],
)
def test_alerts_are_chosen_by_what_keeps_them_quiet(
    query: str, has_silenced: bool, has_others: bool, tmp_path: Path
) -> None:
    with behind_a_password(tmp_path) as client:
        marked = silence_first(client)
        answer = client.ask("GET", f"/api/v2/alerts{query}", ANNA)
        found = {one["fingerprint"] for one in answer.json}
        assert (marked.fingerprint in found) is has_silenced
        assert bool(found - {marked.fingerprint}) is has_others


def test_groups_receivers_and_status_are_there(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        receivers = client.ask("GET", "/api/v2/receivers", ANNA).json
        assert [one["name"] for one in receivers] == [
            one.name for one in client.served.config.receivers
        ]
        groups = client.ask("GET", "/api/v2/alerts/groups", ANNA).json
        for group in groups:
            for alert in group["alerts"]:
                assert (
                    group["labels"].items()
                    <= {
                        "target": "",
                        **alert["labels"],
                    }.items()
                )
                assert group["receiver"] in alert["receivers"] or (
                    group["receiver"] == {"name": "none"} and not alert["receivers"]
                )
        flat = client.ask("GET", "/api/v2/alerts", ANNA).json
        assert {one["fingerprint"] for one in flat} == {
            alert["fingerprint"] for group in groups for alert in group["alerts"]
        }
        status = client.ask("GET", "/api/v2/status", ANNA).json
        assert status["cluster"] == {"name": "", "status": "disabled", "peers": []}
        assert set(status) == {"cluster", "versionInfo", "config", "uptime"}
        wanted = groups[0]["receiver"]["name"]
        path = f"/api/v2/alerts/groups?receiver={wanted}"
        named = {one["receiver"]["name"] for one in client.ask("GET", path, ANNA).json}
        assert named == {wanted}
        one = client.ask("GET", "/api/v2/alerts?receiver=nobody", ANNA)
        assert one.json == []
        assert client.ask("GET", "/api/v2/alerts?receiver=(", ANNA).status == 400
