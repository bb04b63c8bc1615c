"""What a webhook is sent beside Alertmanager's body: bodies of one's own, secret headers, signatures."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.model.alerts import AlertState
from monitor.model.body_template import samples
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver
from monitor.model.targets import PasswordSource
from monitor.notify.webhook.body import webhook_body
from tests.notify.delivering import failure_of, notification, sending
from tests.notify.far_end import START, alert, far_end, receiver, status

SECRET = "hmac-s3cret"


def failure(hook: Receiver) -> DeliveryError:
    with sending(hook) as webhook:
        return failure_of(webhook, notification("hook"))


def test_the_context_of_templates_is_tried_at_load_with_a_body_of_the_same_shape() -> (
    None
):
    def shape(body: Any) -> Any:
        closed = {
            "labels",
            "annotations",
            "groupLabels",
            "commonLabels",
            "commonAnnotations",
        }
        return {
            key: type(value) if key in closed else shape_of(value)
            for key, value in body.items()
        }

    def shape_of(value: Any) -> Any:
        return (
            [shape(one) for one in value[:1]]
            if isinstance(value, list)
            else type(value)
        )

    mixed = notification("hook", alert(), alert(state=AlertState.RESOLVED))
    real = json.loads(
        json.dumps(webhook_body(mixed, external_url="https://monitor.example.com"))
    )
    for sample in samples():
        assert set(sample) == set(real)
        if sample["alerts"]:
            assert shape(sample) == shape(real)


def test_a_template_makes_the_body() -> None:
    template = """{
      "state": {{ status | tojson }}, "channel": {{ (commonLabels.team or "ops") | tojson }},
      "texts": [{% for alert in alerts %}
        {{ alert.annotations.summary | tojson }}{{ "," if not loop.last }}
      {% endfor %}]
    }"""
    hostile = alert(annotations=(("summary", '", "admin": true, "x": "<b>\r\n\\'),))
    with (
        far_end() as server,
        sending(receiver(server.url, template=template)) as webhook,
    ):
        webhook.send(notification("hook", hostile, alert()), START)
        (request,) = server.requests
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "state": "firing",
        "channel": "ops",
        "texts": ['", "admin": true, "x": "<b>\r\n\\', "pro is low"],
    }


def test_a_template_can_give_another_type() -> None:
    template = "{{ status }}: {{ alerts | length }} \u2603"
    content_type = "text/plain; charset=utf-8"
    with (
        far_end() as server,
        sending(
            receiver(server.url, template=template, content_type=content_type)
        ) as webhook,
    ):
        webhook.send(notification("hook"), START)
        (request,) = server.requests
    assert request.headers["content-type"] == "text/plain; charset=utf-8"
    assert request.body.decode() == "firing: 1 \u2603"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "{}\n{{ alerts[7].status }}",
            "the template: line 2: list object has no element 7",
        ),
        (
            '{"x": {{ 1 // (alerts | length - 1) }}}',
            "the template: line 1: ZeroDivisionError",
        ),
        ('{"x": "{{ alerts[0].annotations.summary }}', "the template: gives no JSON ("),
    ],
)
def test_a_template_that_fails_on_an_alert_keeps_the_notification(
    template: str, message: str
) -> None:
    with far_end() as server:
        error = failure(receiver(server.url, template=template))
        assert server.requests == []
    assert (error.reason, error.recoverable) == ("template", True)
    assert error.message.startswith(message)
    assert "pro is low" not in error.message


def test_headers_are_read_from_files_at_each_attempt_and_hidden(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("Bearer one-s3cret\n")
    echo = status(
        500, body=b"no Bearer one-s3cret, no one-s3cret, no Bearer%20one-s3cret"
    )
    with far_end(echo) as server:
        hook = receiver(
            server.url,
            headers={"X-Team": "a", "authorization": "b"},
            header_files={"Authorization": file},
        )
        error = failure(hook)
        assert error.message == "HTTP 500: no <secret>, no <secret>, no <secret>"
        file.write_text("Bearer two")
        with sending(hook) as webhook:
            webhook.send(notification("hook"), START)
        one, two = (request.headers["authorization"] for request in server.requests)
        assert (one, two) == ("Bearer one-s3cret", "Bearer two")
        assert server.requests[1].headers["x-team"] == "a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        ("", "is empty"),
        ("a\r\nX-Evil: 1", "has characters that an HTTP header cannot have"),
        ("ü", "has characters that an HTTP header cannot have"),
        ("x" * 5000, "has more than 4096 bytes"),
    ],
)
def test_a_header_file_that_cannot_be_used_is_trouble_that_may_pass(
    tmp_path: Path, content: str | None, message: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with far_end() as server:
        error = failure(receiver(server.url, header_files={"Authorization": file}))
        assert server.requests == []
    assert (error.reason, error.message, error.recoverable) == (
        "secret",
        f"{file}: {message}",
        True,
    )


def test_the_signature_can_be_verified_by_who_knows_the_secret(tmp_path: Path) -> None:
    file = tmp_path / "hmac"
    file.write_text(f"{SECRET}\n")
    with far_end() as server:
        hook = receiver(server.url, hmac_secret=PasswordSource(file=file))
        with sending(hook) as webhook:
            webhook.send(notification("hook"), START)
            webhook.send(notification("hook"), START + timedelta(seconds=5))
        one, two = server.requests
    assert (
        int(two.headers["x-tokenmonitor-timestamp"])
        - int(one.headers["x-tokenmonitor-timestamp"])
        == 5
    )
    for request in (one, two):
        stamp = request.headers["x-tokenmonitor-timestamp"]
        expected = hmac.new(
            SECRET.encode(), stamp.encode() + b"." + request.body, hashlib.sha256
        ).hexdigest()
        assert request.headers["x-tokenmonitor-signature"] == f"sha256={expected}"
        assert request.headers["idempotency-key"] == "key"


def test_a_secret_that_cannot_be_read_sends_nothing_unsigned() -> None:
    with far_end() as server:
        error = failure(
            receiver(server.url, hmac_secret=PasswordSource(env="TM_TEST_NOT_SET"))
        )
        assert server.requests == []
    assert (error.reason, error.message) == (
        "secret",
        "the variable TM_TEST_NOT_SET is not set",
    )


def test_nothing_of_a_receiver_that_is_secret_is_shown() -> None:
    hook = receiver(
        "https://me:s3cret@host/s3cret", headers={"X": "s3cret"}, template="s3cret"
    )
    assert "s3cret" not in repr(hook)


def test_templates_cost_nothing_where_there_are_none() -> None:
    program = "import monitor.notify.manager, monitor.config, sys; assert 'jinja2' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
