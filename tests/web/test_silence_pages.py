"""The page of silences and the forms of an alert's page, as a browser sends them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from monitor.model.silences import (
    Acknowledge,
    AddSilence,
    EndSilence,
    MaintenanceWindow,
    Silence,
)
from tests.web.browser import Browser, a_browser
from tests.web.picture import NOW, the_incident
from tests.web.serving import Answer, Client, ServedState, serving, wait_until
from tests.web.test_silences import (
    ANNA,
    SILENCES,
    behind_a_password,
    firing,
    silence_first,
)


def send(client: Client, path: str, /, **fields: str) -> Answer:
    """Send a form as a browser does whose page is ours."""
    headers = {
        **ANNA,
        "content-type": "application/x-www-form-urlencoded",
        "origin": f"http://{client.host}:{client.port}",
    }
    return client.ask("POST", path, headers, urlencode(fields).encode())


@pytest.mark.parametrize(
    ("fields", "ends_in"),
    [
        ({"for": "4h", "until": ""}, timedelta(hours=4)),
        (
            {
                "for": "1h",
                "until": (NOW + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"),
            },
            timedelta(days=1),
        ),
    ],
)
def test_a_form_silences_exactly_its_alert(
    fields: dict[str, str], ends_in: timedelta, tmp_path: Path
) -> None:
    with behind_a_password(tmp_path) as client:
        alert = firing(client)
        page = client.ask("GET", f"/alerts/{alert.fingerprint}", ANNA)
        assert f'action="../alerts/{alert.fingerprint}/silence"' in page.text
        # Else a browser would send neither the form nor its origin.
        assert "form-action 'self'" in page.headers["content-security-policy"]
        assert page.headers["referrer-policy"] == "same-origin"
        path = f"/alerts/{alert.fingerprint}/silence"
        answer = send(client, path, comment="moving", **fields)
        assert answer.status == 303
        assert answer.headers["location"] == f"../{alert.fingerprint}"
        (asked,) = client.served.declared
        assert isinstance(asked, AddSilence)
        silence = asked.silence
        assert (silence.by, silence.comment) == ("anna", "moving")
        assert silence.ends_at == NOW.replace(second=0, microsecond=0) + ends_in
        assert silence.fits(dict(alert.labels))
        assert not silence.fits({**dict(alert.labels), "severity": "info"})


def test_a_form_acknowledges_and_withdraws(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        fingerprint = firing(client).fingerprint
        path = f"/alerts/{fingerprint}/acknowledge"
        assert send(client, path, comment="on it").status == 303
        assert send(client, path, withdraw="1").status == 303
        assert client.served.declared == [
            Acknowledge(fingerprint, "anna", "on it"),
            Acknowledge(fingerprint, "anna", "", withdraws=True),
        ]


def test_the_list_has_every_silence_and_ends_those_that_are_not_over(
    tmp_path: Path,
) -> None:
    with behind_a_password(tmp_path) as client:
        window = MaintenanceWindow(
            "backups", until_at=NOW + timedelta(hours=1), comment="weekly"
        )
        client.served.config = replace(client.served.config, maintenance=(window,))
        page = client.ask("GET", "/silences", ANNA).text
        assert "1 silence active" in page
        assert "plan=~&#34;p.*&#34;, target!=&#34;other&#34;" in page
        assert "backups: weekly" in page
        assert page.count("<button>End</button>") == 2
        answer = send(client, "/silences/a1/end")
        assert (answer.status, answer.headers["location"]) == (303, "../../silences")
        assert client.served.declared == [EndSilence("a1", "anna")]


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/alerts/{}/silence", {"for": "soon"}, 400),
        ("/alerts/{}/silence", {"until": "tomorrow"}, 400),
        ("/alerts/{}/silence", {}, 400),
        ("/alerts/0000000000000000/silence", {"for": "1h"}, 404),
        ("/alerts/0000000000000000/acknowledge", {}, 404),
        ("/silences/e1/end", {}, 404),
        ("/silences/e1/end", {f"f{n}": "x" for n in range(11)}, 400),
    ],
)
def test_why_a_form_is_refused_is_said(
    path: str, fields: dict[str, str], status: int, tmp_path: Path
) -> None:
    with behind_a_password(tmp_path) as client:
        answer = send(client, path.format(firing(client).fingerprint), **fields)
        assert answer.status == status
        assert "That was refused." in answer.text
        assert client.served.declared == []


FORMS = ("/alerts/{}/silence", "/alerts/{}/acknowledge", "/silences/a1/end")


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_another_page_is_refused(path: str, tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        headers = {**ANNA, "origin": "http://elsewhere"}
        where = path.format(firing(client).fingerprint)
        assert client.ask("POST", where, headers, b"for=1h").status == 403
        assert client.served.declared == []


@pytest.mark.parametrize("path", FORMS)
def test_who_has_no_password_sees_no_form_and_changes_nothing(path: str) -> None:
    with serving() as client:
        incident = the_incident(client.served.config)
        client.served.snapshot = replace(incident, silences=SILENCES)
        alert = client.served.snapshot.alerts[0]
        assert "<form" not in client.get(f"/alerts/{alert.fingerprint}").text
        assert "<form" not in client.get("/silences").text
        where = path.format(alert.fingerprint)
        assert client.ask("POST", where, {}, b"for=1h").status == 403
        assert client.served.declared == []


def test_what_is_silenced_or_acknowledged_says_so_everywhere(tmp_path: Path) -> None:
    with behind_a_password(tmp_path) as client:
        marked = silence_first(client)
        said = ("silenced by anna until", "moving", "acknowledged by ben at", "on it")
        for path in ("/", f"/alerts/{marked.fingerprint}", "/api/v1/alerts"):
            text = client.ask("GET", path, ANNA).text.lower()
            assert all(words in text for words in said), path
        # And in no metric.
        assert "anna" not in client.ask("GET", "/metrics", ANNA).text


def test_a_page_with_evidence_is_not_compressed_with_what_an_address_puts_into_it(
    tmp_path: Path,
) -> None:
    with behind_a_password(tmp_path) as client:
        for path, encoding in (("/", "gzip"), ("/?target=4711", None)):
            answer = client.ask("GET", path, {**ANNA, "Accept-Encoding": "gzip"})
            assert answer.headers.get("content-encoding") == encoding, path


def test_the_forms_stand_above_the_alert_and_without_a_password_the_command_does(
    tmp_path: Path,
) -> None:
    with behind_a_password(tmp_path) as client:
        alert = firing(client)
        page = client.ask("GET", f"/alerts/{alert.fingerprint}", ANNA).text
        assert page.index("<button>Acknowledge</button>") < page.index(
            "<button>Silence</button>"
        )
        assert page.index("<button>Silence</button>") < page.index('id="section-alert"')
    served = ServedState()
    served.snapshot = the_incident(served.config)
    with serving(served) as client:
        page = client.get(f"/alerts/{alert.fingerprint}").text
        assert "<form" not in page
        assert f">token-monitor ack {alert.fingerprint}</pre>" in page
        assert page.index("token-monitor ack") < page.index('id="section-alert"')


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


@pytest.mark.parametrize("number", [0, 1])
def test_a_browser_without_scripts_sends_the_forms(
    number: int, browser: Browser, tmp_path: Path
) -> None:
    with behind_a_password(tmp_path) as client:
        fingerprint = firing(client).fingerprint
        address = f"http://{client.host}:{client.port}/alerts/{fingerprint}"
        page = browser.open(address, scripts=False, headers=ANNA)
        page.ask(f"document.forms[{number}].elements.comment.value = 'on it'")
        page.ask(f"document.forms[{number}].querySelector('button').click()")
        wait_until(lambda: bool(client.served.declared))
        (asked,) = client.served.declared
        said = asked.silence if isinstance(asked, AddSilence) else asked
        assert isinstance(said, Silence | Acknowledge)
        assert (said.by, said.comment) == ("anna", "on it")
        assert isinstance(asked, AddSilence if number else Acknowledge)
        page.wait_until(f"location.href == '{address}'")
