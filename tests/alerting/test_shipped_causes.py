"""What the shipped rules page for one fault that several queries see: the cause, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from monitor.config import load
from monitor.model.results import Sample, Success
from monitor.model.settings import Config, labels_of
from monitor.notify.kinds import KINDS
from tests.support.harness import HOOK, Harness

CONFIG = """
[targets.main]
unix_socket = "/s"
user = "u"
database = "app"
# for as long as queries say here what they say before
[rules.TokenSignupsWithoutSubscription]
change = { over = "1h" }
[rules.TokenBalancesNeverInitialized]
change = { over = "1h" }
# whatever is usual
[rules.TokenPlanUsageUnusual]
above = 50
summary = "{plan} is used {value} times"
resolved_summary = ""
description = "much"
"""
HALF_MINUTE = timedelta(seconds=30)
PLAN = {"plan": "pro"}
Values = tuple[tuple[str, Mapping[str, str], float], ...]
"""Metrics, their labels and values."""
OVERWRITTEN: Values = (("token_ledger_overwritten_users", {}, 40),)
STORM: Values = (("token_auto_initialization_storm_users", {}, 20),)
BLOCKED: Values = (
    ("token_subscribers_blocked", PLAN, 30),
    ("token_subscribers_negative", PLAN, 30),
)
UNINITIALIZED: Values = (
    ("token_subscribers_overdue", {**PLAN, "balance": "null"}, 300),
)
SAMPLED: Values = (("token_subscriptions_sampled", PLAN, 1000),)
LIMITS: Values = (*SAMPLED, ("token_subscriptions_sampled_without_limit", PLAN, 1000))
LIMITS_BEFORE: Values = (
    *SAMPLED,
    ("token_subscriptions_sampled_without_limit", PLAN, 0),
)
FEW: Values = (("token_subscriptions_without_limit", PLAN, 1000),)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG, encoding="utf-8")
    # Without the rules about the monitor: of the other queries there are no results here.
    return replace(load(path, {}, KINDS), receivers=(HOOK,), own_rules=())


def success(values: Values) -> Success:
    samples = [
        Sample(metric, labels_of(dict(labels)), value)
        for metric, labels, value in values
    ]
    return Success(tuple(samples), len(samples))


def posted(
    config: Config,
    results: Mapping[str, Values],
    *,
    before: Mapping[str, Values] = MappingProxyType({}),
) -> list[str]:
    """Return what is posted while queries say so for a quarter of an hour, each at its shipped interval.

    `before` is what they say for two hours before that, of which nothing is posted.
    """
    harness = Harness(config)
    assert _heard(harness, before, half_minutes=240) == []
    return _heard(harness, results, half_minutes=30)


def _heard(
    harness: Harness, results: Mapping[str, Values], *, half_minutes: int
) -> list[str]:
    heard: list[str] = []
    for passed in range(half_minutes if results else 0):
        harness.after(HALF_MINUTE)
        for name, values in results.items():
            period = harness.job(name).query.schedule.period
            if HALF_MINUTE * passed % period == timedelta(0):
                harness.run(name, success(values))
        heard += harness.posted()
    return heard


def test_balances_that_were_written_over_are_one_page(config: Config) -> None:
    found = posted(config, {"ledger": OVERWRITTEN + STORM, "uninitialized": BLOCKED})
    assert found == ["TokenBalancesOverwritten firing"]


def test_what_follows_pages_for_itself_where_the_ledger_says_nothing(
    config: Config,
) -> None:
    found = posted(config, {"uninitialized": BLOCKED})
    assert found == ["TokenSubscribersBlocked firing"]


def test_balances_that_became_null_are_one_page_of_the_rule_with_the_repair(
    config: Config,
) -> None:
    found = posted(config, {"ledger": (), "uninitialized": UNINITIALIZED})
    assert found == ["TokenBalancesUninitialized firing"]


def test_limits_that_are_gone_are_one_page(config: Config) -> None:
    results = {
        "missing_limits": LIMITS,
        "subscriptions_without_limit": FEW,
        "uninitialized": BLOCKED,
    }
    before = {"missing_limits": LIMITS_BEFORE}
    found = posted(config, results, before=before)
    assert found == ["TokenLimitsMissing firing"]


def test_rows_with_wrong_times_are_one_page_of_their_kind(config: Config) -> None:
    results: Mapping[str, Values] = {
        "history_invalid": (
            ("token_usage_invalid_recent_rows", {"kind": "future_time"}, 20),
        ),
        "usage_time_zone": (
            ("token_usage_misdated_seconds", {"kind": "future_time"}, 7200),
            ("token_usage_misdated_seconds", {"kind": "late_time"}, 0),
        ),
    }
    assert posted(config, results) == ["TokenHistoryInvalid firing"]


def test_subscriptions_that_ended_are_one_page_also_of_those_who_signed_up_last(
    config: Config,
) -> None:
    def left(subscribers: int, unsubscribed: int) -> Mapping[str, Values]:
        return {
            "newest_users": (
                ("token_newest_users", {}, 20),
                ("token_newest_users_unsubscribed", {}, unsubscribed),
            ),
            "balances": (("token_subscribers", {**PLAN, "status": "ok"}, subscribers),),
        }

    found = posted(config, left(0, 20), before=left(2800, 1))
    assert found == ["TokenSubscribersChanged firing"]
    # Where nobody else lost one, it is the sign-up.
    found = posted(config, left(2800, 20), before=left(2800, 1))
    assert found == ["TokenSignupsWithoutSubscription firing"]


def test_subscribers_who_moved_to_another_plan_are_one_page_also_of_what_they_use(
    config: Config,
) -> None:
    def moved(limit: int, uses: int) -> Mapping[str, Values]:
        return {
            "balances": (("token_limit_tokens", PLAN, limit),),
            "usage_by_plan": (("token_usage_plan_events", PLAN, uses),),
        }

    found = posted(config, moved(350_000, 80), before=moved(540_000, 20))
    assert found == ["TokenLimitsReduced firing"]
    # Where nobody moved, they use more.
    found = posted(config, moved(540_000, 80), before=moved(540_000, 20))
    assert found == ["TokenPlanUsageUnusual firing"]


def test_balances_that_became_null_are_one_page_also_of_those_who_never_used_any(
    config: Config,
) -> None:
    def never_used(users: int) -> Values:
        return (("token_subscribers_never_used", PLAN, users),)

    found = posted(
        config,
        {"uninitialized": UNINITIALIZED + never_used(12)},
        before={"uninitialized": never_used(0)},
    )
    assert found == ["TokenBalancesUninitialized firing"]
    found = posted(
        config,
        {"uninitialized": never_used(12)},
        before={"uninitialized": never_used(0)},
    )
    assert found == ["TokenBalancesNeverInitialized firing"]


def test_a_type_that_cuts_balances_off_is_one_page(config: Config) -> None:
    column = {"table": "users", "column": "tokens_remaining"}

    def holds(most: int, *, is_mismatch: bool) -> Values:
        mismatch = {**column, "kind": "type"}
        return (
            ("token_schema_column_largest", column, most),
            ("token_schema_column_mismatch", mismatch, int(is_mismatch)),
        )

    found = posted(
        config,
        {
            "missing_columns": holds(32767, is_mismatch=True),
            "ledger": OVERWRITTEN,
            "headroom": (("token_headroom_ratio", column, 1.0),),
        },
        before={"missing_columns": holds(8388607, is_mismatch=False)},
    )
    assert found == ["TokenColumnNarrowed firing"]
