from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from monitor.model.alerts import AlertState
from monitor.model.settings import Severity
from monitor.notify.discord.message import message_of
from tests.notify.delivering import PAGE, notification, sending
from tests.notify.far_end import START, alert
from tests.notify.services import SERVICES


def test_each_alert_has_its_colour() -> None:
    alerts = [alert(f"p{level}", severity=level) for level in Severity]
    over = alert("over", state=AlertState.RESOLVED)
    embeds = message_of(notification("r", *alerts, over), PAGE)["embeds"]
    assert [f"{embed['color']:06x}" for embed in embeds] == [
        *("d00000", "daa038", "439fe0", "2eb886")
    ]


def test_marks_are_shown_as_they_are() -> None:
    text = "*a* _b_ ~c~ `d` ||e|| [f](g) # h > i \\ <@1> @everyone"
    made = message_of(notification("r", alert(annotations=(("summary", text),))), PAGE)
    assert made["embeds"][0]["description"].startswith(
        "**\\*a\\* \\_b\\_ \\~c\\~ \\`d\\` \\|\\|e\\|\\| \\[f\\]\\(g\\) \\# h \\> i"
        " \\\\ \\<@\u200b1\\> @\u200beveryone**\n"
    )


def test_code_is_copied_as_it_stands_and_cannot_end_its_block() -> None:
    sql = "UPDATE `users`\nSET a = '<@1> ```'"
    made = message_of(
        notification("r", alert(annotations=(("repair", sql), ("summary", "s")))), PAGE
    )
    block = "repair:\n```\nUPDATE `users`\nSET a = '<@1> ` ` `'\n```"
    assert block in made["embeds"][0]["description"]


def test_an_address_keeps_its_thread(tmp_path: Path) -> None:
    service = SERVICES["discord"]
    files = {"address": f"{service.files['address']}?thread_id=42"}
    with service.stub() as server:
        one = replace(service, files=files).receiver(server.url, tmp_path)
        with sending(one, external_url="") as sender:
            sender.send(notification("r"), START)
        (request,) = server.requests
    assert request.path.endswith("?thread_id=42&wait=true")
