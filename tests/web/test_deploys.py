"""What declares deployments by HTTP: whole answers, who may, and every problem of a request at once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitor.model.deploys import (
    BeginDeploy,
    Deploy,
    DeploySource,
    EndDeploy,
    TargetDeploys,
)
from tests.web.picture import NOW, a_snapshot
from tests.web.serving import Client, ServedState, serving

HOUR = timedelta(hours=1)


def declared_state() -> ServedState:
    served = ServedState()
    first = served.config.targets[0].name
    deploy = Deploy(DeploySource.REQUEST, NOW, NOW + HOUR, "release 5", "anna")
    left = Deploy(DeploySource.FILE, NOW - HOUR, NOW, is_expired=True)
    served.snapshot = replace(
        a_snapshot(served.config),
        deploys={first: TargetDeploys((deploy, left))},
    )
    return served


def post(client: Client, path: str, body: bytes = b"", **headers: str) -> Any:
    return client.ask("POST", path, dict(headers), body)


def test_what_is_declared_is_answered_whole() -> None:
    served = declared_state()
    first = served.config.targets[0].name
    with serving(served) as client:
        answer = client.get("/api/v1/deploys")
        assert answer.status == 200
        assert answer.json["data"]["deploys"] == [
            {
                "target": first,
                "source": "request",
                "reason": "release 5",
                "by": "anna",
                "beganAt": NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "endsAt": (NOW + HOUR).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "expired": False,
            },
            {
                "target": first,
                "source": "file",
                "reason": "",
                "by": "",
                "beganAt": (NOW - HOUR).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "endsAt": NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "expired": True,
            },
        ]


def test_the_page_names_what_goes_on_and_not_what_has_expired() -> None:
    with serving(declared_state()) as client:
        page = client.get("/").text
    assert "1 deployment under way: alerts about changes wait" in page
    assert "(release 5), declared by anna" in page


def test_a_request_without_a_body_is_about_all_targets_for_as_long_as_may_be() -> None:
    with serving() as client:
        names = tuple(target.name for target in client.served.config.targets)
        assert post(client, "/api/v1/deploys").status == 200
        assert post(client, "/api/v1/deploys/end").status == 200
        longest = client.served.config.deploys.max
        assert client.served.declared == [BeginDeploy(names, longest), EndDeploy(names)]


def test_a_request_says_of_which_targets_for_how_long_why_and_what_is_accepted() -> (
    None
):
    with serving() as client:
        name = client.served.config.targets[0].name
        begin = f'{{"targets": ["{name}"], "for": "30m", "reason": "a\\nb"}}'.encode()
        end = f'{{"targets": ["{name}"], "accept": true}}'.encode()
        assert post(client, "/api/v1/deploys", begin).status == 200
        assert post(client, "/api/v1/deploys/end", end).status == 200
        assert client.served.declared == [
            BeginDeploy((name,), timedelta(minutes=30), "a b"),
            EndDeploy((name,), accepts=True),
        ]


@pytest.mark.parametrize(
    ("path", "body", "problems"),
    [
        ("", b"{", ["the request: is not JSON"]),
        ("", b"[]", ["the request: is not a JSON object"]),
        (
            "",
            b'{"targets": ["mian"], "for": "3h", "reasn": "x"}',
            [
                'targets[0]: no target "mian"',
                "for: is out of range; allowed: above 0s, to 2h ([deploys] max)",
                'reasn: unknown key; did you mean "reason"?',
            ],
        ),
        ("", b'{"for": "0s"}', ["for: is out of range"]),
        ("", b'{"for": 30}', ["for: "]),
        ("/end", b'{"accept": "yes"}', ["accept: "]),
        # More than anybody means.
        (
            "",
            json.dumps({"targets": [f"x{n}" for n in range(9)]}).encode(),
            ['targets[0]: no target "x0"; allowed: ', "targets: 6 more are not target"],
        ),
        (
            "/end",
            json.dumps({"targets": ["x" * 60_000]}).encode(),
            [f'targets[0]: no target "{"x" * 199}…"; allowed: '],
        ),
        (
            "",
            b'{"targets": [1%s]}' % (b",1" * 30_000),
            ["targets: has 30001 names; allowed: 100 at most"],
        ),
        (
            "",
            b'{"targets": [1%s]}' % (b",1" * 90),
            ["targets[0]: ", "; and 81 more"],
        ),
        (
            "/end",
            json.dumps({f"k{n}": n for n in range(4_000)}).encode(),
            ["the request: has 4000 keys; allowed: 10 at most"],
        ),
        ("", b'{"for": "%s"}' % (b"1" * 60_000), ["for: "]),
        ("/end", b'{"for": "1h"}', ["for: unknown key"]),
    ],
)
def test_every_problem_of_a_request_is_said_and_nothing_is_declared(
    path: str, body: bytes, problems: list[str]
) -> None:
    with serving() as client:
        answer = post(client, f"/api/v1/deploys{path}", body)
        assert (answer.status, answer.json["errorType"]) == (400, "bad_data")
        for problem in problems:
            assert problem in answer.json["error"]
        assert len(answer.body) < 6_000
        assert client.served.declared == []


def test_a_page_of_another_origin_declares_nothing() -> None:
    with serving() as client:
        headers = {"sec-fetch-site": "cross-site"}
        for path in ("/api/v1/deploys", "/api/v1/deploys/end"):
            assert client.ask("POST", path, headers, b"{}").status == 403
        assert client.served.declared == []


def test_what_is_not_recorded_in_time_is_said() -> None:
    with serving() as client:
        client.served.is_recorded = False
        answer = post(client, "/api/v1/deploys")
        assert (answer.status, answer.json["errorType"]) == (503, "unavailable")
