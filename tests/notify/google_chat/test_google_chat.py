from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from monitor.model.alerts import AlertState, Notification
from tests.notify.delivering import sending
from tests.notify.far_end import START, Request, alert
from tests.notify.services import SERVICES


def posted(folder: Path, *notifications: Notification) -> list[Request]:
    service = SERVICES["google_chat"]
    with (
        service.stub() as server,
        sending(service.receiver(server.url, folder)) as sender,
    ):
        for one in notifications:
            sender.send(one, START)
        return server.requests


def about(target: str, key: str, **more: Any) -> Notification:
    group = {"alertname": "Low", "target": target}
    return Notification("r", key, group, (alert(**more),), START)


def test_all_about_one_rule_and_target_is_one_thread(tmp_path: Path) -> None:
    first, second, over, other = posted(
        tmp_path,
        about("main", "1"),
        about("main", "1"),
        about("main", "2", state=AlertState.RESOLVED),
        about("db2", "3"),
    )
    threads = [one.json["thread"]["threadKey"] for one in (first, second, over, other)]
    assert threads[0] == threads[1] == threads[2] != threads[3]
    ids = [parse_qs(one.path)["requestId"][0] for one in (first, second, over)]
    assert ids[0] == ids[1] != ids[2]


def test_brackets_of_a_text_are_none(tmp_path: Path) -> None:
    text = "<users/all> <https://evil.example.com|Runbook> </b>&amp;"
    (request,) = posted(tmp_path, about("m", "1", annotations=(("summary", text),)))
    assert "‹users/all> ‹https://evil" in request.json["text"]
    (section,) = request.json["cardsV2"][0]["card"]["sections"]
    paragraph = section["widgets"][0]["textParagraph"]["text"]
    assert paragraph.startswith(
        "<b>&lt;users/all&gt; &lt;https://evil.example.com|Runbook&gt; &lt;/b&gt;&amp;amp;</b>\n"
    )
