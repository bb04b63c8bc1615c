"""Any history of an alert under any silences: what a receiver hears of it, against a count by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model.alerts import AlertState, Delivery
from monitor.model.conditions import Condition
from monitor.model.rules import SeverityLevel
from monitor.model.settings import Config, Severity
from monitor.model.silences import EndSilence
from tests.daemon.test_silences import NAME, acknowledge, declare, silence
from tests.support.harness import (
    BALANCES,
    COLUMNS,
    HOOK,
    MINUTE,
    TIMEOUT,
    USAGE,
    Harness,
    a_config,
    balances,
)

LOUD = 100.0
"""From here on it is critical."""


def config(repeat: timedelta) -> Config:
    (rule,) = BALANCES.rules
    levels = (SeverityLevel(Severity.CRITICAL, Condition("above", LOUD), timedelta(0)),)
    quiet = replace(rule, hold=timedelta(0), severity=Severity.WARNING, louder=levels)
    query = replace(BALANCES, rules=(quiet,))
    hook = replace(HOOK, repeat_interval=repeat)
    return replace(a_config(COLUMNS, query, USAGE), receivers=(hook,))


STEPS = st.lists(
    st.sampled_from(
        [
            # What the next run gives: nothing, a little, much, no data.
            *("0", "3", "300", "-"),
            # A silence begins, is ended, of warnings only; somebody knows; the process begins anew.
            *("[", "]", "w", "a", "!"),
        ]
    ),
    max_size=24,
)


def heard(one: Harness) -> Iterator[tuple[str, Severity]]:
    """Take what the receiver is sent of the alert."""
    while due := one.state.due("hook", now=one.at):
        for notification in due:
            for alert in notification.alerts:
                if alert.name == NAME:
                    yield str(alert.state), alert.severity
            one.state.delivered(notification, Delivery("hook", one.at, 0.0))


@given(STEPS, st.sampled_from([timedelta(0), 3 * MINUTE]))
@settings(max_examples=150, deadline=None)
def test_an_end_is_heard_of_what_was_heard_to_begin_and_nothing_in_a_silence(
    steps: list[str], repeat: timedelta
) -> None:
    one = Harness(config(repeat))
    is_open = False
    """The receiver has heard that it fires, and not that it is over."""
    held: set[str] = set()
    """Which silences go on: of all, and of warnings."""
    for number, step in enumerate([*steps, "]", "3", "0"]):
        one.at += MINUTE
        match step:
            case "[":
                silence(one, id_=f"all{number}", length=1000 * MINUTE)
                held.add(f"all{number}")
            case "w":
                silence(
                    one,
                    f"alertname={NAME}",
                    "severity=warning",
                    id_=f"w{number}",
                    length=1000 * MINUTE,
                )
                held.add(f"w{number}")
            case "]":
                for id_ in held:
                    declare(one, EndSilence(id_))
                held.clear()
            case "a":
                if _fires(one):
                    acknowledge(one)
            case "!":
                one = one.restarted(MINUTE)
            case "-":
                one.run("balances", TIMEOUT)
            case _:
                one.run("balances", balances(pro=float(step)))
        one.tick()
        one.tick()
        for state, severity in heard(one):
            if state == "resolved":
                assert is_open, "an end of nothing"
                is_open = False
                continue
            silenced = any(
                id_.startswith("all") or severity is Severity.WARNING for id_ in held
            )
            assert not silenced, "told in a silence"
            is_open = True
        if not held and _fires(one):
            assert is_open, "what fires and is silenced by nothing was not told"
        if not one.pipeline.active_alerts() or step == "0":
            assert not is_open, "an end was not told"
    assert not is_open


def _fires(one: Harness) -> bool:
    """Return whether it fires, and data says so."""
    return any(
        alert.name == NAME and alert.state is AlertState.FIRING and not alert.held
        for alert in one.pipeline.active_alerts()
    )
