"""Receivers that refuse, stall, trickle, lie: what is owed arrives once they work, and others do not wait."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import webhook
from tests.acceptance.observers import Alertmanager
from tests.acceptance.program import Daemon, Hook, running, short_directory, wait_until
from tests.acceptance.single_value import ALERT, FIRING, SingleValue, a_schema
from tests.notify.far_end import (
    Answer,
    FarEnd,
    Request,
    far_end,
    flood,
    hang_up,
    stall,
    status,
    trickle,
)
from tests.support.servers import free_port

HTML = b"<html><body>Bad gateway</body></html>"
TIMEOUT = "3s"
"""Of receivers that answer nothing; the others may take their time on a busy machine."""
LONG_TIMEOUT = "30s"
RESEND = "1s"


def garbage(connection: Any, _ended: object) -> bool:
    connection.sendall(b"\x00\xff 220 ESMTP at your service\r\n\r\n")
    return False


def twice(answer: Answer) -> tuple[Answer, ...]:
    return (answer, answer)


SILENT = ("stalls", "trickles")
RECOVERABLE: Mapping[str, tuple[str, tuple[Answer, ...]]] = {
    "unauthorized": ("http_401", twice(status(401))),
    "forbidden": ("http_403", twice(status(403))),
    "not-found": ("http_404", twice(status(404))),
    "too-many": ("http_429", twice(status(429, headers="Retry-After: 1\r\n"))),
    "broken": ("http_500", twice(status(500))),
    "bad-gateway": ("http_502", twice(status(502, body=HTML))),
    "garbage": ("network", twice(garbage)),
    "hangs-up": ("network", twice(hang_up)),
    "stalls": ("timeout", twice(stall)),
    "trickles": ("timeout", twice(trickle(b"HTTP/1.1 200 OK\r\n", b"X"))),
}
"""Trouble that may pass: the reason that is reported, and the first answers; then 200."""
PERMANENT = {"bad-request": 400, "too-large": 413, "unprocessable": 422}
POISON = {"am-bad-request": 400, "am-too-large": 413}
TAKEN: Mapping[str, Answer] = {
    "two-gigabytes": flood,
    "body-in-drops": trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
}


@dataclass(frozen=True)
class Incident:
    """An alert that fired and resolved while every receiver had a trouble of its own; all is over."""

    daemon: Daemon
    ends: Mapping[str, FarEnd]
    elsewhere: FarEnd
    failures: Mapping[str, float]
    resident_bytes: tuple[float, float]

    def counted(self, receiver: str) -> dict[str, float]:
        """Return how often deliveries failed, by reason."""
        start = 'token_monitor_delivery_failures_total{reason="'
        return {
            series.removeprefix(start).partition('"')[0]: count
            for series, count in self.failures.items()
            if f'receiver="{receiver}"' in series and count
        }

    def posted(self, receiver: str) -> list[tuple[str, str]]:
        """Return what a webhook was sent, in order: status and idempotency key."""
        return [
            (request.json["status"], request.headers["idempotency-key"])
            for request in self.ends[receiver].requests
        ]


@pytest.fixture(scope="module")
def incident(mariadb: PrivateMariaDB) -> Iterator[Incident]:
    """Let the alert come and go once, with all receivers."""
    folder = short_directory()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        elsewhere = stack.enter_context(far_end())
        redirect = status(302, headers=f"Location: {elsewhere.url}/\r\n")
        answers: dict[str, Sequence[Answer]] = {
            "healthy": (),
            "redirects": twice(redirect),
        }
        answers |= {name: trouble for name, (_, trouble) in RECOVERABLE.items()}
        answers |= {
            name: (status(code, body=HTML),) for name, code in PERMANENT.items()
        }
        answers |= {name: (answer,) for name, answer in TAKEN.items()}
        answers |= {
            f"am-{name}": trouble
            for name, trouble in list(answers.items())
            if name not in PERMANENT
        }
        answers |= {name: (status(code),) for name, code in POISON.items()}
        ends = {
            name: stack.enter_context(far_end(*trouble))
            for name, trouble in answers.items()
        }
        single_value = SingleValue(
            mariadb, stack.enter_context(a_schema(mariadb)), folder
        )
        daemon = stack.enter_context(
            running(single_value.config("\n".join(map(receiver_of, ends.items()))))
        )
        yield run_the_incident(daemon, single_value, ends, elsewhere)


def receiver_of(named: tuple[str, FarEnd]) -> str:
    name, end = named
    if name.startswith("am-"):
        kind = f'kind = "alertmanager"\nurls = ["{end.url}"]\nresend_delay = "{RESEND}"'
    else:
        kind = f'kind = "webhook"\nurl = "{end.url}/hook"'
    timeout = TIMEOUT if name.removeprefix("am-") in SILENT else LONG_TIMEOUT
    return f'[receivers.{name}]\n{kind}\ntimeout = "{timeout}"'


def run_the_incident(
    daemon: Daemon,
    single_value: SingleValue,
    ends: Mapping[str, FarEnd],
    elsewhere: FarEnd,
) -> Incident:
    daemon.wait_for("run.finished")
    before = daemon.resident_bytes()
    single_value.set(1)
    for name in ends:
        if name not in PERMANENT:
            daemon.wait_for("delivery.succeeded", receiver=name, seconds=60)
    assert daemon.series(FIRING) == {FIRING: 1.0}
    single_value.set(0)
    for name, end in ends.items():
        is_told = is_over_at if name.startswith("am-") else is_resolved_at
        wait_until(
            lambda end=end, reported=is_told: reported(end),  # type: ignore[misc]
            seconds=60,
            why=f"{name} resolves",
        )
    failures = daemon.series("token_monitor_delivery_failures_total")
    return Incident(
        daemon, ends, elsewhere, failures, (before, daemon.resident_bytes())
    )


def is_resolved_at(end: FarEnd) -> bool:
    return bool(end.requests) and end.requests[-1].json["status"] == "resolved"


def is_over_at(end: FarEnd) -> bool:
    return any(is_over(request) for request in list(end.requests))


def is_over(request: Request) -> bool:
    """Return whether an Alertmanager was sent that something had ended when it was sent."""
    came_at = datetime.now(UTC) - timedelta(seconds=time.monotonic() - request.at)
    return any(
        datetime.fromisoformat(alert["endsAt"]) <= came_at for alert in request.json
    )


@pytest.mark.parametrize("name", [*RECOVERABLE, "redirects"])
def test_a_webhook_with_trouble_that_passes_gets_everything_in_order_with_the_same_key(
    incident: Incident, name: str
) -> None:
    reason = RECOVERABLE[name][0] if name in RECOVERABLE else "redirect"
    assert incident.counted(name) == {reason: 2.0}
    reported = incident.daemon.seen("delivery.failed", receiver=name)
    assert {(one["reason"], one["recoverable"]) for one in reported} == {(reason, True)}
    assert len(reported) == 1, "the same again is counted, not written"
    posted = incident.posted(name)
    assert [status for status, _ in posted] == [
        "firing",
        "firing",
        "firing",
        "resolved",
    ]
    assert len({key for _, key in posted[:3]}) == 1
    assert posted[3][1] != posted[0][1]


@pytest.mark.parametrize("name", PERMANENT)
def test_what_a_webhook_refuses_for_good_is_counted_and_does_not_hold_up_what_follows(
    incident: Incident, name: str
) -> None:
    assert incident.counted(name) == {f"http_{PERMANENT[name]}": 1.0}
    (reported,) = incident.daemon.seen("delivery.failed", receiver=name)
    assert not reported["recoverable"]
    assert "Bad gateway" in reported["message"], "what it answered is said"
    assert [status for status, _ in incident.posted(name)] == ["firing", "resolved"]


@pytest.mark.parametrize("name", [*RECOVERABLE, "redirects"])
def test_an_alertmanager_with_trouble_that_passes_is_notified_until_it_knows(
    incident: Incident, name: str
) -> None:
    reason = RECOVERABLE[name][0] if name in RECOVERABLE else "redirect"
    assert incident.counted(f"am-{name}") == {reason: 2.0}
    told_to_end = [is_over(request) for request in incident.ends[f"am-{name}"].requests]
    assert told_to_end[:3] == [False] * 3, "two that it did not take, one that it did"
    assert told_to_end == sorted(told_to_end), "it is over once, and stays over"


@pytest.mark.parametrize("name", POISON)
def test_what_an_alertmanager_refuses_as_bad_is_quarantined_for_a_while_and_sent_again(
    incident: Incident, name: str
) -> None:
    assert incident.counted(name) == {f"http_{POISON[name]}": 1.0}
    first, second, *_ = incident.ends[name].requests
    assert second.at - first.at > 8, "ten times the delay of 1 s"
    assert [is_over(first), is_over(second)] == [False, False]


@pytest.mark.parametrize("name", ["redirects", "am-redirects"])
def test_a_redirect_is_never_followed(incident: Incident, name: str) -> None:
    assert incident.counted(name) == {"redirect": 2.0}
    assert incident.elsewhere.requests == []


@pytest.mark.parametrize(
    "name", [prefix + name for name in TAKEN for prefix in ("", "am-")]
)
def test_an_answer_without_end_is_not_read_and_not_kept(
    incident: Incident, name: str
) -> None:
    assert incident.counted(name) == {}
    before, after = incident.resident_bytes
    assert after - before < 100e6


def test_an_answer_that_is_lost_makes_the_receiver_get_it_twice_with_one_key(
    incident: Incident,
) -> None:
    # it took the notification in and then never answered, or hung up instead
    for name in ("stalls", "hangs-up"):
        first, again, *_ = incident.posted(name)
        assert first == again


@pytest.mark.parametrize("name", ["healthy", "am-healthy"])
def test_a_receiver_that_works_waits_for_none_that_does_not(
    incident: Incident, name: str
) -> None:
    assert incident.counted(name) == {}
    fired = incident.ends[name].requests[0]
    for other in ("stalls", "trickles", "am-stalls", "am-trickles"):
        assert fired.at < incident.ends[other].requests[1].at, (
            f"{other} had three seconds to answer first"
        )
    if name == "healthy":
        assert [status for status, _ in incident.posted(name)] == ["firing", "resolved"]


def test_trouble_at_receivers_changes_no_alert_and_stops_no_run(
    incident: Incident,
) -> None:
    assert len(incident.daemon.seen("alert.fired", alertname=ALERT)) == 1
    assert len(incident.daemon.seen("alert.resolved", alertname=ALERT)) == 1
    assert incident.daemon.get("/-/healthy")[0] == 200
    assert incident.daemon.seen("pipeline.failed") == []
    outbox = "token_monitor_outbox_notifications"
    wait_until(
        lambda: set(incident.daemon.series(outbox).values()) == {0.0},
        why="everything was taken",
    )


def test_of_two_alertmanagers_one_may_be_down_or_frozen_and_both_learn_everything(
    single_value: SingleValue, folder: Path, hook: Hook
) -> None:
    other_hook = Hook()
    one, other = (
        Alertmanager(folder / "one", hook.url),
        Alertmanager(folder / "other", other_hook.url),
    )
    urls = json.dumps([one.url, other.url])
    config = single_value.config(
        f'[receivers.am]\nkind = "alertmanager"\nurls = {urls}\nresend_delay = "1s"\ntimeout = "1s"'
    )
    try:
        one.start()
        with running(config) as daemon:
            single_value.set(1)
            hook.wait_for("firing", ALERT)
            daemon.wait_for("delivery.failed", receiver="am", reason="refused")
            other.start()
            other_hook.wait_for("firing", ALERT)
            other.freeze()
            single_value.set(0)
            hook.wait_for("resolved", ALERT)
            daemon.wait_for("delivery.failed", receiver="am", reason="timeout")
            other.thaw()
            other_hook.wait_for("resolved", ALERT)
            wait_until(lambda: one.alerts() == other.alerts() == [])
            assert (
                hook.alerts()
                == other_hook.alerts()
                == [("firing", ALERT), ("resolved", ALERT)]
            )
    finally:
        one.stop()
        other.stop()
        other_hook.close()


def test_an_alertmanager_that_stays_down_beside_one_that_works_is_written_once(
    single_value: SingleValue,
) -> None:
    with far_end() as works:
        urls = json.dumps([works.url, f"http://127.0.0.1:{free_port()}"])
        receiver = f'[receivers.am]\nkind = "alertmanager"\nurls = {urls}\nresend_delay = "200ms"'
        with running(single_value.config(receiver)) as daemon:
            single_value.set(1)
            wait_until(lambda: len(works.requests) > 10)
            daemon.wait_for("delivery.failed", receiver="am")
            (failed,) = daemon.seen("delivery.failed", receiver="am")
            assert failed["reason"] == "refused"
            assert [
                one for one in daemon.seen("delivery.succeeded") if "repeated" in one
            ] == [], "nothing ended: what works did not fail"
            counted = (
                'token_monitor_delivery_failures_total{reason="refused",receiver="am"}'
            )
            wait_until(lambda: daemon.series(counted)[counted] > 5)


def test_what_is_over_while_an_alertmanager_is_down_is_over_there_too_when_it_is_back(
    single_value: SingleValue, folder: Path, hook: Hook
) -> None:
    alertmanager = Alertmanager(folder / "am", hook.url)
    receiver = f'[receivers.am]\nkind = "alertmanager"\nurls = ["{alertmanager.url}"]\nresend_delay = "1s"'
    try:
        alertmanager.start()
        with running(single_value.config(receiver)) as daemon:
            single_value.set(1)
            hook.wait_for("firing", ALERT)
            wait_until(alertmanager.has_notified, why="it knows that it has told")
            alertmanager.stop(with_signal=signal.SIGTERM)
            single_value.set(0)
            daemon.wait_for("alert.resolved", alertname=ALERT)
            daemon.wait_for("delivery.failed", receiver="am")
            alertmanager.start()
            hook.wait_for("resolved", ALERT)
            daemon.wait_for("delivery.succeeded", receiver="am")
            wait_until(
                lambda: not waiting(daemon), why="nothing is counted as not taken"
            )
        assert hook.alerts() == [("firing", ALERT), ("resolved", ALERT)]
    finally:
        alertmanager.stop()


def test_what_comes_and_goes_while_a_receiver_is_down_is_reported_in_its_order(
    single_value: SingleValue, hook: Hook
) -> None:
    port = free_port()
    config = single_value.config(
        f'{webhook(hook.url)}\n[receivers.down]\nkind = "webhook"\nurl = "http://127.0.0.1:{port}"'
    )
    with running(config) as daemon:
        changes = ("fired", "resolved", "fired", "resolved")
        for reported, (number, change) in enumerate(
            zip((1, 0, 2, 0), changes, strict=True)
        ):
            seen = len(daemon.events)
            single_value.set(number)
            daemon.wait_for(f"alert.{change}", alertname=ALERT, after=seen)
            wait_until(
                lambda reported=reported: len(hook.alerts()) > reported,  # type: ignore[misc]
                why=f"the hook knows: {change}",
            )
        refused = daemon.wait_for("delivery.failed", receiver="down")
        assert refused["reason"] == "refused"
        with far_end(port=port) as back:
            wait_until(lambda: is_resolved_at(back) and not waiting(daemon), seconds=60)
            assert daemon.seen("delivery.failed", receiver="down") == [refused]
            posted = [request.json["status"] for request in back.requests]
            keys = [request.headers["idempotency-key"] for request in back.requests]
        # pairs that nobody was notified of may be left out; what is reported is never reversed and ends well
        assert posted in (["firing", "resolved"] * 2, ["firing", "resolved"])
        assert len(set(keys)) == len(keys)
    assert [status for status, _ in hook.alerts()] == ["firing", "resolved"] * 2


def waiting(daemon: Daemon) -> bool:
    return any(daemon.series("token_monitor_outbox_notifications").values())


def test_a_query_that_fails_while_its_alert_fires_resolves_nothing_and_is_reported_beside_it(
    single_value: SingleValue, hook: Hook
) -> None:
    with far_end() as end:
        alertmanager = f'[receivers.am]\nkind = "alertmanager"\nurls = ["{end.url}"]\nresend_delay = "1s"'
        with running(
            single_value.config(f"{webhook(hook.url)}\n{alertmanager}")
        ) as daemon:
            single_value.set(1)
            hook.wait_for("firing", ALERT)
            single_value.execute("RENAME TABLE things TO gone")
            daemon.wait_for("run.failed", query="things", reason="schema_missing")
            hook.wait_for("firing", "TokenMonitorQueryFailing")
            assert daemon.series("app_things") == {}, (
                "no number that is not known to hold"
            )
            assert daemon.series(FIRING) == {FIRING: 1.0}
            sent = len(end.requests)
            # four delays is how long an Alertmanager would keep what is not told again
            wait_until(lambda: len(end.requests) > sent + 6)
            assert not any(is_over(request) for request in end.requests)
            single_value.execute("RENAME TABLE gone TO things")
            hook.wait_for("resolved", "TokenMonitorQueryFailing")
            single_value.set(0)
            hook.wait_for("resolved", ALERT)
            wait_until(lambda: is_over_at(end))
    assert sorted(hook.alerts()) == sorted(
        (status, name)
        for name in (ALERT, "TokenMonitorQueryFailing")
        for status in ("firing", "resolved")
    )
