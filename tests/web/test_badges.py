"""Badges as other pages get them: what they say, of what, and that they are never green where data is missing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import bcrypt
import pytest

from monitor.alerting.configured import empty_snapshot
from monitor.alerting.receivers import with_receiver
from monitor.alerting.snapshot import Snapshot, with_alerts
from monitor.model.alerts import AlertState, ReceiverHealth
from monitor.model.settings import Severity
from monitor.web.icons import COLOURS
from tests.web.picture import (
    COLUMN_GONE,
    FAILURE,
    LOST,
    NOW,
    OWN,
    UNINITIALIZED,
    WELL,
    a_config,
    a_snapshot,
    a_target,
    an_alert,
    seconds,
    the_incident,
)
from tests.web.serving import Client, ServedState, serving

CONFIG = a_config(a_target("main"), a_target("shop/eu & us"))
SVG = "{http://www.w3.org/2000/svg}"
WARNING = replace(UNINITIALIZED, severity=Severity.WARNING)
INFO = replace(UNINITIALIZED, severity=Severity.INFO)
TITLES = {colour: tone for tone, colour in COLOURS.items() if tone != "plain"}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving(ServedState(CONFIG)) as client:
        yield client


def badge(client: Client, asked: str = "") -> tuple[str, str]:
    """Return what the badge says and its colour's tone, by the picture; the JSON says the same."""
    picture = client.get(f"/badge.svg{asked}")
    document = ET.fromstring(picture.text)
    title = document.findtext(f"{SVG}title")
    texts = [text.text for text in document.iter(f"{SVG}text")]
    assert title == document.get("aria-label") == ": ".join(map(str, texts))
    rect = document.find(f"{SVG}rect")
    assert rect is not None
    colour = rect.get("fill")
    answer = client.get(f"/badge.json{asked}")
    assert answer.json == {
        "schemaVersion": 1,
        "label": texts[0],
        "message": texts[1],
        "color": colour,
    }
    assert answer.status == picture.status
    return title or "", TITLES[str(colour)]


def show(client: Client, snapshot: Snapshot) -> None:
    client.served.snapshot, client.served.now = snapshot, NOW
    client.served.healthy = (True, "healthy")


WELL_THERE = a_snapshot(CONFIG)
DOWN = a_snapshot(CONFIG, dict.fromkeys(WELL, LOST))


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (WELL_THERE, ("all is well", "ok")),
        (
            with_alerts(
                WELL_THERE,
                [
                    an_alert(plan="a"),
                    an_alert(plan="b"),
                    an_alert(WARNING, plan="c"),
                    an_alert(INFO, plan="d"),
                    an_alert(WARNING, AlertState.PENDING, plan="e"),
                ],
            ),
            ("2 critical, 1 warning", "bad"),
        ),
        (with_alerts(WELL_THERE, [an_alert(WARNING)]), ("1 warning", "warn")),
        (
            with_alerts(WELL_THERE, [an_alert(state=AlertState.PENDING)]),
            ("1 pending", "warn"),
        ),
        (with_alerts(WELL_THERE, [an_alert(INFO)]), ("all is well", "ok")),
        (
            with_alerts(WELL_THERE, [an_alert(state=AlertState.RESOLVED)]),
            ("all is well", "ok"),
        ),
        (DOWN, ("no contact", "bad")),
        (a_snapshot(CONFIG, {**WELL, "balances": FAILURE}), ("no data", "warn")),
        (the_incident(CONFIG), ("1 critical", "bad")),
        (a_snapshot(CONFIG, {"balances": WELL["balances"]}), ("starting", "wait")),
        (empty_snapshot(CONFIG), ("starting", "wait")),
        (
            with_receiver(WELL_THERE, "oncall", ReceiverHealth(failing_since=NOW)),
            ("nobody would hear", "warn"),
        ),
        (Snapshot(), ("nothing watched", "wait")),
    ],
)
def test_the_badge_of_all_says_in_brief_what_the_headline_says(
    client: Client, snapshot: Snapshot, expected: tuple[str, str]
) -> None:
    show(client, snapshot)
    message, tone = expected
    assert badge(client) == (f"token-monitor: {message}", tone)
    assert f'<header class="verdict {tone}"' in client.get("/").text


def test_it_is_not_green_while_the_monitor_does_not_watch_nor_when_data_is_old(
    client: Client,
) -> None:
    show(client, WELL_THERE)
    client.served.healthy = (False, "the schedule stands still")
    assert badge(client) == ("token-monitor: not watching", "bad")
    client.served.healthy = (True, "healthy")
    client.served.now = NOW + seconds(3600)
    for part in ("", "?target=main", "?query=balances", f"?alert={OWN.name}"):
        assert badge(client, part)[1] == "warn"


EU = quote("shop/eu & us")
MUTED = replace(an_alert(plan="b"), muted_by="f" * 16)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("?target=main", ("main: 1 critical", "bad")),
        (f"?target={EU}", ("shop/eu & us: all is well", "ok")),
        ("?query=balances", ("balances: 1 critical", "bad")),
        ("?query=missing_columns", ("missing_columns: all is well", "ok")),
        (
            f"?target={EU}&query=balances",
            ("shop/eu & us / balances: all is well", "ok"),
        ),
        (
            f"?alert={UNINITIALIZED.name}&target=main",
            (f"main / {UNINITIALIZED.name}: 1 critical", "bad"),
        ),
        ("?alert=TokenColumnMissing", ("TokenColumnMissing: all is well", "ok")),
        (f"?alert={OWN.name}", (f"{OWN.name}: all is well", "ok")),
        ("?target=&other=x", ("token-monitor: 1 critical", "bad")),
    ],
)
def test_a_part_has_its_own_badge(
    client: Client, asked: str, expected: tuple[str, str]
) -> None:
    show(client, with_alerts(WELL_THERE, [an_alert()]))
    assert badge(client, asked) == expected


def test_a_part_whose_data_is_missing_is_not_green(client: Client) -> None:
    show(client, a_snapshot(CONFIG, COLUMN_GONE))
    assert badge(client, "?query=balances") == ("balances: no data", "warn")
    uninitialized = f"?alert={UNINITIALIZED.name}"
    assert badge(client, uninitialized) == (f"{UNINITIALIZED.name}: no data", "warn")
    show(client, DOWN)
    assert badge(client, "?query=balances") == ("balances: no contact", "bad")
    assert badge(client, uninitialized) == (f"{UNINITIALIZED.name}: no contact", "bad")


def test_what_is_muted_under_an_alert_of_another_part_is_counted(
    client: Client,
) -> None:
    show(client, with_alerts(WELL_THERE, [MUTED]))
    assert badge(client, "?query=balances") == ("balances: 1 critical", "bad")


def test_an_alert_that_is_only_information_says_that_it_fires(client: Client) -> None:
    show(client, with_alerts(WELL_THERE, [an_alert(INFO)]))
    expected = (f"{INFO.name}: firing", "info")
    assert badge(client, f"?alert={INFO.name}") == expected
    assert badge(client, "?target=main") == ("main: all is well", "ok")


@pytest.mark.parametrize(
    ("asked", "unknown"),
    [
        ("?target=nobody", "target"),
        ("?target=<svg/onload=x>&query=balances", "target"),
        ("?query=none", "query"),
        ("?target=main&query=none", "query"),
        ("?alert=TokenNothing", "alert"),
        (f"?query=missing_columns&alert={UNINITIALIZED.name}", "alert"),
    ],
)
def test_a_name_that_is_gone_is_said_and_not_green(
    client: Client, asked: str, unknown: str
) -> None:
    show(client, WELL_THERE)
    assert badge(client, asked) == (f"token-monitor: no such {unknown}", "wait")
    assert client.get(f"/badge.svg{asked}").status == 404


def test_a_badge_is_asked_for_anew_and_other_pages_of_the_same_domain_may_show_it(
    client: Client,
) -> None:
    show(client, WELL_THERE)
    answer = client.get("/badge.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["cross-origin-resource-policy"] == "same-site"
    assert "style" not in answer.text
    assert client.ask("HEAD", "/badge.svg").body == b""


def test_where_a_password_is_asked_for_a_badge_is_behind_it(tmp_path: Path) -> None:
    users = tmp_path / "web.yml"
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    users.write_text(f"basic_auth_users:\n  ops: {hashed}\n", encoding="utf-8")
    with serving(config_file=users) as client:
        for path in ("/badge.svg", "/badge.json", "/badge.svg?target=nobody"):
            assert client.get(path).status == 401


def test_a_long_name_is_cut_in_the_picture() -> None:
    config = a_config(a_target("x" * 300))
    with serving(ServedState(config, a_snapshot(config))) as client:
        picture = client.get(f"/badge.svg?target={'x' * 300}").text
    assert "all is well" in picture
    assert len(picture) < 1500
