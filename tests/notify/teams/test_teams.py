from __future__ import annotations

import json
from typing import Any

from monitor.model.alerts import AlertState
from monitor.model.settings import Severity
from monitor.notify.teams.message import message_of
from tests.notify.delivering import PAGE, notification
from tests.notify.far_end import alert

OVER = alert("over", state=AlertState.RESOLVED)


def card_of(*alerts: Any) -> Any:
    body = json.loads(message_of(notification("r", *alerts), PAGE))
    return body["attachments"][0]["content"]


def test_each_alert_is_a_box_of_its_colour() -> None:
    alerts = [alert(f"p{level}", severity=level) for level in Severity]
    _, *boxes = card_of(OVER, *alerts)["body"]
    styles = [box["style"] for box in boxes]
    assert styles == ["attention", "warning", "accent", "good"]


def test_texts_are_runs_in_which_nothing_is_markup() -> None:
    text = "**a** [b](https://evil.example.com) <at>everyone</at> \\"
    _, box = card_of(alert(annotations=(("summary", text),)))["body"]
    assert box["items"][0] == {
        "type": "RichTextBlock",
        "inlines": [{"type": "TextRun", "text": text, "weight": "Bolder"}],
    }
    assert "TextBlock" not in json.dumps(box).replace("RichTextBlock", "")


def test_code_has_letters_of_one_width() -> None:
    sql = "UPDATE users\nSET a = 1"
    _, box = card_of(alert(annotations=(("repair", sql), ("summary", "s"))))["body"]
    runs = [item["inlines"][0] for item in box["items"] if "inlines" in item]
    assert {"type": "TextRun", "text": sql, "fontType": "Monospace"} in runs


def test_a_link_that_is_too_long_is_left_out_and_the_other_stays() -> None:
    address = f"https://wiki.example.com/{'x' * 1000}"
    texts = (("runbook_url", address), ("summary", "s"))
    _, box = card_of(alert(annotations=texts))["body"]
    titles = [action["title"] for action in box["items"][-1]["actions"]]
    assert titles == ["Alert"]
