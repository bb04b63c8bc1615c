from __future__ import annotations

from pathlib import Path

from monitor.model.targets import PasswordSource
from monitor.notify.jira.settings import JiraSettings
from monitor.notify.opsgenie.settings import OpsgenieSettings
from tests.notify.delivering import notification, sending
from tests.notify.far_end import START, Request, alert
from tests.notify.services import SERVICES


def posted(kind: str, folder: Path) -> list[Request]:
    service = SERVICES[kind]
    with (
        service.stub() as server,
        sending(service.receiver(server.url, folder)) as sender,
    ):
        sender.send(notification("r", alert(), alert("free")), START)
        return server.requests


def test_it_is_sent_what_opsgenie_would_be(tmp_path: Path) -> None:
    ours, theirs = posted("jira", tmp_path), posted("opsgenie", tmp_path)
    assert [one.json for one in ours] == [one.json for one in theirs]
    assert {one.headers["authorization"] for one in ours + theirs} == {
        ours[0].headers["authorization"]
    }


def test_it_has_an_address_of_its_own() -> None:
    key = PasswordSource(env="KEY")
    addresses = [JiraSettings(key).url, OpsgenieSettings(key).url]
    assert addresses == [
        "https://api.atlassian.com/jsm/ops/integration/v2/alerts",
        "https://api.opsgenie.com/v2/alerts",
    ]
