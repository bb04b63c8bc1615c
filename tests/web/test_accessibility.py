"""axe-core finds nothing on any page: light and dark, on a wide screen and on a phone."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bcrypt
import pytest

from monitor.alerting.configured import empty_snapshot
from monitor.alerting.receivers import with_delivery, with_receiver
from monitor.alerting.snapshot import Snapshot, with_alerts
from monitor.model.alerts import (
    Alert,
    AlertState,
    Change,
    Delivery,
    ReceiverHealth,
    Transition,
)
from monitor.model.settings import Config, Severity, labels_of
from tests.support.snapshots import with_result
from tests.web.axe import axe_source, findings
from tests.web.browser import Browser, Page, a_browser
from tests.web.picture import (
    COLUMN_GONE,
    GONE,
    LOST,
    NOW,
    UNINITIALIZED,
    WELL,
    a_config,
    a_result,
    a_snapshot,
    a_target,
    an_alert,
    seconds,
)
from tests.web.serving import ServedState, serving

CONFIG = a_config(a_target(), a_target("second"), a_target("third"))
ROOT = an_alert(GONE, subject="missing_columns", table="users", column="balance")
PATHS = (
    "/",
    "/?target=main&severity=critical",
    f"/alerts/{ROOT.fingerprint}",
    "/alerts/0123456789abcdef",
    "/queries/missing_columns?target=main",
    "/queries/balances?target=main",
    "/targets/main",
    "/targets/second",
    "/history",
    "/runbooks/column-missing",
    "/silences",
)
SCREENS = {"wide": (1280, 800), "phone": (390, 800)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


def an_incident(config: Config) -> Snapshot:
    """Make a snapshot with something in each part of the page."""
    texts = {
        "summary": "users.balance is missing on main",
        "description": "Every balance query fails.",
        "repair": "ALTER TABLE users ADD COLUMN balance INT;",
        "runbook": "column-missing",
    }
    plans = ("basic", "pro", "team")
    many = (*plans, *(f"plan{number}" for number in range(7)))
    warning = replace(UNINITIALIZED, name="Warning", severity=Severity.WARNING)
    info = replace(UNINITIALIZED, name="Info", severity=Severity.INFO)
    alerts = [
        replace(ROOT, annotations=labels_of(texts)),
        *(replace(an_alert(plan=one), muted_by=ROOT.fingerprint) for one in plans),
        *(_with_repair(an_alert(warning, plan=one, target="third")) for one in many),
        replace(an_alert(info, target="third"), held=True),
        replace(an_alert(warning, plan="x"), held=True, muted_by="f" * 16),
        an_alert(replace(UNINITIALIZED, name="Over"), AlertState.RESOLVED),
        an_alert(warning, AlertState.PENDING, plan="y", target="third"),
    ]
    snapshot = a_snapshot(config)
    for job in config.jobs:
        if job.target.name == "main":
            outcome = COLUMN_GONE[job.query.name]
            snapshot = with_result(snapshot, a_result(job, outcome))
        if job.target.name == "second":
            snapshot = with_result(snapshot, a_result(job, LOST))
    failed = Delivery("oncall", NOW, 0.1, reason="timeout", message="no answer")
    snapshot = with_delivery(snapshot, failed)
    snapshot = with_receiver(
        snapshot, "oncall", ReceiverHealth(NOW, waiting=2, oldest_at=NOW)
    )
    return with_alerts(snapshot, alerts)


def _with_repair(alert: Alert) -> Alert:
    repair = f"UPDATE users SET balance = 1 WHERE plan = '{alert.label('plan')}';"
    return replace(alert, annotations=labels_of({"summary": "s", "repair": repair}))


def with_a_past(served: ServedState) -> ServedState:
    """Record that each of the alerts fired and ended, and that the first one flapped."""
    for alert in served.snapshot.alerts:
        over = replace(alert, state=AlertState.RESOLVED, resolved_at=NOW)
        changes = [
            Transition(Change.FIRED, alert, NOW - seconds(90)),
            Transition(Change.RESOLVED, over, NOW),
        ]
        is_flapping = alert is served.snapshot.alerts[0]
        served.past.record({}, changes * (3 if is_flapping else 1), ())
    return served


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    users = tmp_path_factory.mktemp("axe") / "web.yml"
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    users.write_text(f"basic_auth_users:\n  ops: {hashed}\n", encoding="utf-8")
    served = with_a_past(ServedState(CONFIG, an_incident(CONFIG), NOW + seconds(5)))
    with serving(served, config_file=users) as client:
        yield f"http://{client.host}:{client.port}"


@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(browser: Browser, address: str, path: str) -> None:
    given = {"authorization": "Basic " + base64.b64encode(b"ops:secret").decode()}
    page = browser.open(address + path, headers=given)
    check_in_every_way(page)


def check_in_every_way(page: Page) -> None:
    """Fail where axe finds something, or something is cut off: light and dark, wide and on a phone."""
    page.ask("document.querySelectorAll('details').forEach((one) => one.open = true)")
    page.ask(f"{axe_source()};0")
    for screen, (width, height) in SCREENS.items():
        page.resize(width, height)
        for scheme in ("light", "dark"):
            page.prefer(scheme)
            assert findings(page) == [], f"{screen}, {scheme}"
        # Nothing makes a person scroll sideways.
        assert page.ask("document.documentElement.scrollWidth <= innerWidth"), screen


WITHOUT_RECEIVERS = a_config(receivers=())
FLEET = a_config(*(a_target(f"shop-{number:02}") for number in range(25)))
STATES = {
    "starting": ServedState(WITHOUT_RECEIVERS, empty_snapshot(WITHOUT_RECEIVERS)),
    "not let in": ServedState(CONFIG, a_snapshot(CONFIG, dict.fromkeys(WELL, LOST))),
    "all is well": ServedState(CONFIG, a_snapshot(CONFIG)),
    "many targets": ServedState(FLEET, a_snapshot(FLEET)),
    "stale": ServedState(CONFIG, a_snapshot(CONFIG), NOW + seconds(900)),
}


@pytest.mark.parametrize("name", STATES)
def test_axe_finds_nothing_in_any_state_of_the_first_page(
    browser: Browser, name: str
) -> None:
    with serving(STATES[name]) as client:
        page = browser.open(f"http://{client.host}:{client.port}/")
        check_in_every_way(page)


def test_axe_finds_nothing_where_the_page_cannot_renew_itself(
    browser: Browser, address: str
) -> None:
    given = {"authorization": "Basic " + base64.b64encode(b"ops:secret").decode()}
    page = browser.open(address, headers=given)
    page.ask("document.body.className = 'unrenewed'")
    check_in_every_way(page)


def test_a_badge_is_drawn_and_read_out_where_a_page_of_the_same_site_shows_it(
    browser: Browser, tmp_path: Path
) -> None:
    served = ServedState(CONFIG, an_incident(CONFIG), NOW + seconds(5))
    with serving(served) as client, pages_in(tmp_path) as port:
        embedding = (
            '<!doctype html><html lang="en"><title>Wiki</title><main><h1>Wiki</h1>'
            f'<img src="http://tokens.ours.localhost:{client.port}/badge.svg" alt="How the tokens are">'
            "</main></html>"
        )
        (tmp_path / "wiki.html").write_text(embedding, encoding="utf-8")
        width = "document.images[0].naturalWidth"
        page = browser.open(f"http://wiki.ours.localhost:{port}/wiki.html")
        page.wait_until(f"{width} > 100")
        check_in_every_way(page)
        foreign = browser.open(f"http://wiki.theirs.localhost:{port}/wiki.html")
        foreign.wait_until("document.images[0]?.complete")
        assert foreign.ask(width) == 0
        alone = browser.open(f"http://{client.host}:{client.port}/badge.svg")
        assert alone.complaints() == []
        assert alone.ask(
            "document.documentElement.ariaLabel.startsWith('token-monitor: ')"
        )
        assert alone.ask(TEXTS_ARE_INSIDE)


TEXTS_ARE_INSIDE = """
[...document.querySelectorAll("text")].every((text) => {
  const box = text.getBBox(), width = document.documentElement.width.baseVal.value;
  return box.x >= 0 && box.x + box.width <= width && box.y >= 0 && box.y + box.height <= 20;
})
"""


@contextmanager
def pages_in(folder: Path) -> Iterator[int]:
    """Serve the files of a folder; gives the port."""
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_by_the_keyboard_the_content_is_one_key_away(browser: Browser) -> None:
    served = ServedState(CONFIG, an_incident(CONFIG), NOW)
    with serving(served) as client:
        page = browser.open(f"http://{client.host}:{client.port}/")
        page.press("Tab", 9)
        assert page.ask("document.activeElement.className") == "skip"
        assert page.ask("document.activeElement.getBoundingClientRect().left >= 0")
        page.press("Enter", 13, text="\r")
        page.wait_until("document.activeElement.id == 'main'")
        # From there on link after link, what can be opened, and what can be scrolled.
        reached: list[str] = []
        while "pre" not in reached:
            assert len(reached) < 60, reached
            page.press("Tab", 9)
            reached.append(page.ask("document.activeElement.localName"))
            seen = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.ask(seen) != "none", reached
        assert {"a", "summary", "pre"} >= set(reached)


def test_on_a_page_that_is_wrong_axe_finds_it(browser: Browser, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.html"
    wrong.write_text(
        "<!doctype html><title>x</title><p style='color:#ccc'>pale</p><img src=x>",
        encoding="utf-8",
    )
    page = browser.open(wrong.as_uri())
    page.ask(f"{axe_source()};0")
    found = {one.split(":")[0] for one in findings(page)}
    assert {"color-contrast", "image-alt", "html-has-lang"} <= found
