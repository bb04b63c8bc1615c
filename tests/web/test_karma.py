"""What Karma asks for, in its order, and that the answers are what it can read (0.133, by its source).

It takes the newest form of the API where `/metrics` names no Alertmanager's version, and reads JSON strictly: a name
that comes twice, or a value of another type, is a failure of the whole answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.web.picture import NOW
from tests.web.serving import Client
from tests.web.test_silences import ACTIVE, ANNA, HOUR, behind_a_password, post, text

_ALERT = {
    "startsAt": str,
    "annotations": dict,
    "labels": dict,
    "fingerprint": str,
    "generatorURL": str,
    "status": dict,
}
_GROUP = {"labels": dict, "receiver": dict, "alerts": list}
_SILENCE = {
    "endsAt": str,
    "startsAt": str,
    "id": str,
    "comment": str,
    "createdBy": str,
    "matchers": list,
}
_MATCHER = {"isEqual": bool, "name": str, "value": str, "isRegex": bool}
_STATES = ("active", "suppressed", "unprocessed")


def strictly(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object of JSON whose names come once."""
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


def read(client: Client, path: str) -> Any:
    """Ask as Karma does, and read the answer as strictly."""
    headers = {**ANNA, "User-Agent": "karma/v0.133", "Accept-Encoding": "gzip"}
    answer = client.ask("GET", path, headers)
    assert answer.status == 200
    return json.loads(answer.text, object_pairs_hook=strictly)


def typed(found: dict[str, Any], types: Mapping[str, type]) -> None:
    assert {name: type(found[name]) for name in types} == types


def test_karma_reads_the_groups_of_alerts_and_the_silences_beside_them(
    tmp_path: Path,
) -> None:
    with behind_a_password(tmp_path) as client:
        assert "alertmanager_build_info" not in client.ask("GET", "/metrics", ANNA).text
        groups = read(client, "/api/v2/alerts/groups")
        silences = read(client, "/api/v2/silences")
    assert groups
    for group in groups:
        typed(group, _GROUP)
        assert isinstance(group["receiver"]["name"], str)
        for alert in group["alerts"]:
            typed(alert, _ALERT)
            datetime.fromisoformat(alert["startsAt"])
            assert alert["status"]["state"] in _STATES
            texts = {**alert["labels"], **alert["annotations"]}
            assert all(isinstance(value, str) for value in texts.values())
            assert all(isinstance(one, str) for one in alert["status"]["silencedBy"])
            assert all(isinstance(one, str) for one in alert["status"]["inhibitedBy"])
    for silence in silences:
        typed(silence, _SILENCE)
        for matcher in silence["matchers"]:
            typed(matcher, _MATCHER)


def test_karma_adds_a_silence_and_ends_it(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        body = {
            "endsAt": text(NOW + HOUR),
            "startsAt": text(NOW),
            "comment": "by Karma",
            "createdBy": "anna@example.com",
            "matchers": [{"name": "plan", "value": "pro", "isRegex": False}],
        }
        added = post(client, json.dumps(body).encode())
        assert added.status == 200
        path = f"/api/v2/silence/{added.json['silenceID']}"
        client.served.snapshot = replace(
            client.served.snapshot,
            silences={added.json["silenceID"]: replace(ACTIVE, id="x")},
        )
        assert client.ask("DELETE", path, ANNA).status == 200
