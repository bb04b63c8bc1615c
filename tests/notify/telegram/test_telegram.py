from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Severity
from monitor.notify.telegram.message import is_silent, text_of
from tests.notify.delivering import PAGE, notification, sending
from tests.notify.far_end import START, alert, far_end
from tests.notify.services import SERVICES, read_html

OVER = alert("basic", state=AlertState.RESOLVED)
CRITICAL = alert("pro", severity=Severity.CRITICAL)
INFO = alert("free", severity=Severity.INFO)


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        ((OVER, INFO), True),
        ((OVER,), True),
        ((INFO, alert()), False),
        ((CRITICAL,), False),
    ],
)
def test_only_what_can_wait_makes_no_sound(
    alerts: tuple[Alert, ...], expected: bool
) -> None:
    assert is_silent(notification("r", *alerts)) is expected


def test_the_worst_comes_first_each_behind_its_circle() -> None:
    text = text_of(notification("r", OVER, INFO, alert(), CRITICAL), PAGE)
    circles = [character for character in text if character in "🔴🟠🔵🟢"]
    assert circles == ["🔴", "🟠", "🔵", "🟢"]
    shown = read_html(text, b=(), pre=(), a=("href",))
    assert "resolved after 1m" in shown
    assert f'href="{PAGE}/alerts/{CRITICAL.fingerprint}"' in text


def test_without_a_thread_none_is_asked_for(tmp_path: Path) -> None:
    service = SERVICES["telegram"]
    without = replace(service, keys=service.keys.replace("thread_id = 7\n", ""))
    with (
        far_end() as server,
        sending(without.receiver(server.url, tmp_path)) as sender,
    ):
        sender.send(notification("r"), START)
        (request,) = server.requests
    assert "message_thread_id" not in request.json
