"""The page in a real browser: it renews itself, loses nothing of its reader's, and says when it cannot."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bcrypt
import pytest

from monitor.alerting.snapshot import with_alerts
from monitor.alerting.walks import with_positions
from monitor.model.alerts import Alert, AlertState, Change, Transition
from monitor.model.positions import SweepPosition
from monitor.model.settings import labels_of
from monitor.model.sweeps import Cycle
from monitor.model.walked import walked_by
from monitor.model.walks import Sweep
from tests.web.browser import Browser, a_browser
from tests.web.picture import (
    BALANCES,
    NOW,
    UNINITIALIZED,
    a_config,
    a_snapshot,
    an_alert,
    seconds,
    the_incident,
)
from tests.web.serving import Client, ServedState, serving

CONFIG = a_config(queries=(BALANCES,))
REFRESH = "document.getElementById('refresh').click()"
WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((found) => window.shifts.push(...found.getEntries()))
  .observe({ type: "layout-shift", buffered: false });
0
"""
# What is less is a word behind an age, in its line.
SHIFTS = """
shifts.filter((one) => one.value > 0.001)
  .map((one) => [one.value, ...one.sources.map((place) => place.node?.outerHTML?.slice(0, 80))])
"""
# A headline that needs another line moves what is below it, and should.
ON_ONE_LINE = """
const style = new CSSStyleSheet();
style.replaceSync("h1 { text-wrap: nowrap !important }");
document.adoptedStyleSheets.push(style);
0
"""
HEADLINE = "document.querySelector('h1').textContent"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


def plans(*names: str, value: float = 3) -> list[Alert]:
    texts = labels_of(
        {
            "summary": "users have no balance",
            "repair": "UPDATE users SET tokens_remaining = 1",
        }
    )
    return [
        replace(an_alert(plan=name, value=value), annotations=texts) for name in names
    ]


def served_state(*alerts: Alert) -> ServedState:
    return ServedState(CONFIG, with_alerts(a_snapshot(CONFIG), alerts), NOW)


def address(client: Client, path: str = "/") -> str:
    return f"http://{client.host}:{client.port}{path}"


def later(served: ServedState, *alerts: Alert, by: float = 20) -> None:
    served.now = NOW + seconds(by)
    served.snapshot = with_alerts(a_snapshot(CONFIG, at=served.now), alerts)


def test_renewing_keeps_what_is_opened_selected_and_scrolled_to_and_shows_what_is_new(
    browser: Browser,
) -> None:
    # Muted under what is not shown: it stands in a part that is closed at first.
    resolved = replace(the_incident(CONFIG).alerts[1], muted_by="f" * 16)
    served = served_state(*plans("basic", "pro", "team"), resolved)
    with serving(served) as client:
        page = browser.open(address(client))
        page.resize(500, 300)
        page.ask(
            "document.getElementById('muted').open = true; document.getElementById('muted').marked = 1"
        )
        page.ask("getSelection().selectAllChildren(document.querySelector('.repair'))")
        # High enough to scroll also where the machine has no fonts.
        page.ask("document.body.style.minHeight = '2000px'; scrollTo(0, 400)")
        # One is gone, one is new, one has another value.
        later(
            served, *plans("basic"), *plans("pro", value=9), *plans("annual"), resolved
        )
        page.ask(REFRESH)
        page.wait_until(
            f"{HEADLINE} == '15 subscribers have no balance, 3 plans, for 5 min'"
        )
        assert page.ask("document.querySelectorAll('.rows tbody tr').length") == 3
        assert (
            page.ask(
                "document.getElementById('muted').open && document.getElementById('muted').marked"
            )
            == 1
        )
        assert (
            page.ask("getSelection().getRangeAt(0).toString()")
            == "UPDATE users SET tokens_remaining = 1"
        )
        assert page.ask("scrollY") == 400
        assert page.ask("document.title").startswith("15 subscribers")
        assert page.complaints() == []


def pictures(count: int, seed: int) -> Iterator[list[Alert]]:
    """Yield pictures that have much in common with the one before, in another order and with other values."""
    chance = random.Random(seed)
    rules = [
        UNINITIALIZED,
        replace(UNINITIALIZED, name="Other"),
        replace(UNINITIALIZED, name="Third"),
    ]
    states = [
        AlertState.FIRING,
        AlertState.FIRING,
        AlertState.PENDING,
        AlertState.RESOLVED,
    ]
    shown: dict[tuple[int, str], Alert] = {}
    for _ in range(count):
        for _ in range(chance.randint(0, 4)):
            number, plan = chance.randrange(3), chance.choice("abcdef")
            alert = an_alert(
                rules[number],
                chance.choice(states),
                plan=plan,
                value=chance.randrange(9),
            )
            texts = {
                "summary": f"s{chance.randrange(3)}",
                "repair": f"UPDATE {chance.randrange(2)}",
            }
            shown[number, plan] = replace(
                alert,
                annotations=labels_of(texts),
                muted_by=chance.choice((None, None, "f" * 16, *_fingerprints(shown))),
            )
        for key in chance.sample(sorted(shown), len(shown) // 4):
            del shown[key]
        yield list(shown.values())


def _fingerprints(shown: dict[tuple[int, str], Alert]) -> list[str]:
    """Return those of the alerts under which others may be: that speak for themselves."""
    return [alert.fingerprint for alert in shown.values() if alert.muted_by is None]


@pytest.mark.parametrize("seed", range(2))
def test_a_renewed_page_is_what_a_new_visitor_sees(browser: Browser, seed: int) -> None:
    shown = "document.querySelector('h1').innerHTML + document.getElementById('main').innerHTML"
    served = served_state()
    with serving(served) as client:
        page, visitor = browser.open(address(client)), browser.open(address(client))
        many = plans(*(f"p{number}" for number in range(60)))
        for number, alerts in enumerate(
            [*pictures(12, seed), many, [], *pictures(3, seed)]
        ):
            later(served, *alerts, by=20 * number)
            page.ask(REFRESH)
            page.wait_until(
                f"document.querySelector('.clock time').textContent.includes('{served.now:%H:%M:%S}')"
            )
            visitor.go(address(client))
            assert page.ask(shown) == visitor.ask(shown)


def test_an_instant_that_is_pointed_at_shows_the_readers_own_time_too(
    browser: Browser,
) -> None:
    with serving(served_state(*plans("pro"))) as client:
        page = browser.open(address(client))
        page.call("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
        pointed_at = "document.querySelector('main time')"
        before = page.ask(f"{pointed_at}.title")
        for _ in range(2):
            page.ask(
                f"{pointed_at}.dispatchEvent(new MouseEvent('mouseover', {{bubbles: true}}))"
            )
        shown = page.ask(f"{pointed_at}.title")
        assert shown.startswith(f"{before} · ")
        assert shown.count("GMT+9") == 1


def test_whoever_lives_by_another_clock_sees_what_that_says(browser: Browser) -> None:
    said = "document.getElementById('own-clock').textContent"
    with serving(served_state()) as client:
        page = browser.open(address(client))
        page.call("Emulation.setTimezoneOverride", timezoneId="UTC")
        page.ask(REFRESH)
        page.wait_until(f"{said} === ''")
        page.call("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
        page.ask(REFRESH)
        page.wait_until(f"/^your clock says \\d\\d:\\d\\d$/.test({said})")


def test_a_repair_is_copied_or_selected_where_the_browser_does_not_let_it_be(
    browser: Browser,
) -> None:
    repair = "document.querySelector('.to-copy pre').textContent"
    button = "document.querySelector('.to-copy button')"
    with serving(served_state(*plans("pro"))) as client:
        page = browser.open(address(client))
        page.ask(
            "Object.defineProperty(navigator, 'clipboard',"
            " { value: { writeText: async (text) => { window.copied = text; } } }); 0"
        )
        page.ask(f"{button}.click()")
        page.wait_until(f"{button}.textContent === 'Copied' && copied === {repair}")
        refusing = browser.open(address(client))
        refusing.ask(
            "Object.defineProperty(navigator, 'clipboard', { value: undefined }); 0"
        )
        refusing.ask(f"{button}.click()")
        refusing.wait_until(
            f"{button}.textContent === 'Selected' && getSelection().toString() === {repair}"
        )


def test_without_scripts_there_is_no_button_that_could_not_copy(
    browser: Browser,
) -> None:
    shown = "getComputedStyle(document.querySelector('.to-copy button')).display"
    with serving(served_state(*plans("pro"))) as client:
        assert browser.open(address(client)).ask(shown) == "block"
        assert browser.open(address(client), scripts=False).ask(shown) == "none"


def test_it_renews_itself_every_15_seconds(browser: Browser) -> None:
    served = served_state()
    with serving(served) as client:
        page = browser.open(address(client))
        later(served, *plans("pro"))
        page.call(
            "Emulation.setVirtualTimePolicy",
            policy="pauseIfNetworkFetchesPending",
            budget=16_000,
        )
        page.wait_until(f"{HEADLINE} == 'users have no balance, for 5 min'")


def test_where_it_cannot_renew_itself_it_says_since_when_and_goes_on_when_it_can(
    browser: Browser,
) -> None:
    served = served_state()
    with serving(served) as client:
        page = browser.open(address(client))
        assert (
            page.ask("document.getElementById('renewal').textContent")
            == "renews itself every 15 s"
        )
        page.call(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )
        page.ask(REFRESH)
        page.wait_until(
            "document.getElementById('renewal').textContent.startsWith('Not renewed since ')"
        )
        assert page.ask("document.body.className") == "unrenewed"
        page.call(
            "Network.emulateNetworkConditions",
            offline=False,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )
        page.ask(REFRESH)
        page.wait_until(
            "document.getElementById('renewal').textContent == 'renews itself every 15 s'"
        )
        assert page.ask("document.body.className") == ""


def test_renewing_moves_nothing_where_only_ages_and_values_change(
    browser: Browser,
) -> None:
    served = served_state(*plans("basic", "pro", "team"))
    with serving(served) as client:
        page = browser.open(address(client))
        page.resize(1280, 2000)
        page.ask(ON_ONE_LINE)
        page.picture()
        page.ask(WATCH_SHIFTS)
        # Each age is written in another width: 9 s, 10 s, 59 s, 1 min, 10 min, 1 h 1 min, 1 d 1 h.
        for by in (9, 10, 59, 61, 601, 3661, 90_000):
            later(served, *plans("basic", "pro", "team", value=by % 7), by=by)
            run_at = served.now - seconds(min(by, 150))
            served.snapshot = with_alerts(
                a_snapshot(CONFIG, at=run_at), served.snapshot.alerts
            )
            page.ask(REFRESH)
            page.wait_until(
                f"document.querySelector('.clock time').textContent.includes('{served.now:%H:%M:%S}')"
            )
            page.picture()
            assert page.ask(SHIFTS) == [], f"after {by} s"


def test_without_scripts_a_link_gives_a_new_page(browser: Browser) -> None:
    served = served_state()
    with serving(served) as client:
        page = browser.open(address(client), scripts=False)
        assert page.ask("document.getElementById('renewal').textContent") == ""
        later(served, *plans("pro"))
        page.go(page.ask("document.getElementById('refresh').href"))
        assert page.ask(HEADLINE) == "users have no balance, for 5 min"


def test_how_a_sweep_runs_takes_more_lines_and_not_more_width(browser: Browser) -> None:
    swept = replace(BALANCES, walk=Sweep("users", "id"))
    config = a_config(queries=(swept,))
    snapshot = a_snapshot(config)
    ended_at = NOW - seconds(60)
    cycle = Cycle(ended_at - seconds(4000), ended_at)
    position = SweepPosition(walked_by(swept), 1, last=cycle)
    served = ServedState(
        config, with_positions(snapshot, {("main", swept.name): position}), NOW
    )
    with serving(served) as client:
        page = browser.open(address(client))
        page.resize(900, 800)
        text = page.ask("document.querySelector('td[data-name=Runs]').innerText")
        assert text == "every 30m, last cycle 1h6m40s"
        width = "document.documentElement.scrollWidth"
        assert page.ask(f"{width} <= window.innerWidth")


def test_a_link_to_an_alert_that_is_muted_shows_it(browser: Browser) -> None:
    muted = replace(the_incident(CONFIG).alerts[1], muted_by="f" * 16)
    served = served_state(muted)
    seen = f"document.getElementById('alert-{muted.fingerprint}').checkVisibility()"
    with serving(served) as client:
        query = f"?alert={muted.fingerprint}#alert-{muted.fingerprint}"
        page = browser.open(address(client) + query)
        assert page.ask(seen)
        assert page.ask("document.querySelectorAll('.asked').length") == 1
        assert not browser.open(address(client)).ask(seen)


def test_behind_a_password_it_renews_itself_and_shows_evidence(
    browser: Browser, tmp_path: Path
) -> None:
    users = tmp_path / "web.yml"
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    users.write_text(f"basic_auth_users:\n  ops: {hashed}\n", encoding="utf-8")
    served = served_state(*plans("pro"))
    with serving(served, config_file=users) as client:
        given = {"authorization": "Basic " + base64.b64encode(b"ops:secret").decode()}
        page = browser.open(address(client), headers=given)
        assert "user_id: 4711" in page.ask(
            "document.querySelector('.evidence').textContent"
        )
        later(served, *plans("pro", "team"))
        page.ask(REFRESH)
        page.wait_until(
            f"{HEADLINE} == '6 subscribers have no balance, 2 plans, for 5 min'"
        )
        assert client.get("/").status == 401


def test_a_number_in_the_history_stands_on_one_line(browser: Browser) -> None:
    long = labels_of({"summary": "Users on main are not filled up any more " * 3})
    rule = replace(UNINITIALIZED, name="TokenAutoInitStoppedForAll")
    alert = replace(an_alert(rule, value=8.996), annotations=long)
    with serving() as client:
        client.served.past.record({}, [Transition(Change.FIRED, alert, NOW)], ())
        page = browser.open(f"http://{client.host}:{client.port}/history")
        page.resize(1280, 900)
        height, line = page.ask(
            "(() => { const cell = document.querySelector('td.number div');"
            " return [cell.offsetHeight, parseFloat(getComputedStyle(cell).lineHeight)] })()"
        )
    assert height < 1.5 * line
