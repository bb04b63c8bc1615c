"""Incidents that write rows of the history that cannot be true, and those of how much is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from scripts.scorecard_parts.behaviour import ACTIONS, Call, Use
from scripts.scorecard_parts.incident import Incident, Scene, behaving, nothing, sql

Log = Callable[[Call, Use], tuple[Use, ...]]
_WHOLE = (1.0,)
_UNUSUAL = r"Token(Plan)?Usage(Total)?Unusual"
_SILENT = r"Token(Plan)?Usage(Total)?Unusual|TokenUsageStopped"
_EMPTIED = r"TokenHistory(?!Invalid)\w*|TokenUsageHistory\w*|TokenUsageDeleted"


def _wrong(**values: Any) -> Callable[[Scene], Log]:
    """Return a log that writes these values into the share of the rows; a function is given the right value."""

    def make(scene: Scene) -> Log:
        def logged(call: Call, use: Use) -> tuple[Use, ...]:
            if call.chance >= scene.size:
                return (use,)
            changes = {
                name: value(getattr(use, name)) if callable(value) else value
                for name, value in values.items()
            }
            return (replace(use, **changes),)

        return logged

    return make


def _moved(by: timedelta) -> Callable[[datetime], datetime]:
    return lambda at: at + by


def _strangers(action: str) -> Callable[[Scene], None]:
    """Have somebody write uses of users who are not there, or have no subscription."""

    def happen(scene: Scene) -> None:
        count = max(1, round(scene.size * 20))
        at = scene.world.at
        values = ", ".join(
            f"({user}, 300, '{action}', '{at:%Y-%m-%d %H:%M:%S}')"
            for user in (900_000 + scene.rng.randrange(500) for _ in range(count))
        )
        scene.sql(
            f"INSERT INTO token_usage_history (user_id, tokens_used, action, created_at) VALUES {values}"
        )

    return happen


def _unsubscribed(scene: Scene) -> None:
    """Cancel subscriptions of users who go on using what they had."""
    scene.world.application.keep_callers(scene.world.at)
    users = scene.value(
        "SELECT GROUP_CONCAT(user_id) FROM (SELECT DISTINCT user_id FROM token_usage_history"
        f" WHERE created_at > NOW() - INTERVAL 1 DAY LIMIT {max(3, round(scene.size * 2000))}) used"
    )
    scene.sql(
        f"UPDATE user_subscriptions SET is_active = 0 WHERE user_id IN ({users or 0})"
    )


def _action_is_alive(scene: Scene) -> Callable[[Call], bool]:
    dead = scene.rng.choice([*ACTIONS])
    return lambda call: call.action != dead


def _plan_is_alive(scene: Scene) -> Callable[[Call], bool]:
    dead = scene.rng.choice(("starter", "pro", "business"))
    return lambda call: call.plan != dead


def _volume(scene: Scene) -> Callable[[datetime], float]:
    return lambda _at: scene.size


def _one_user(scene: Scene) -> dict[int, float]:
    user = scene.value(
        "SELECT s.user_id FROM user_subscriptions s WHERE s.is_active = 1"
        " AND s.plan_type = 'business' ORDER BY s.user_id LIMIT 1"
    )
    return {user: scene.size}


def _delay(_scene: Scene) -> timedelta:
    return timedelta(minutes=45)


def _rows(kind: str) -> str:
    return rf"TokenHistoryInvalid.*kind={kind}"


HISTORY = (
    Incident(
        "null_tokens",
        "rows",
        _rows("null_tokens"),
        behaving(logged=_wrong(tokens_used=None)),
        symptoms=r"TokenLedgerDrift",
    ),
    Incident(
        "zero_tokens",
        "rows",
        _rows("zero_tokens"),
        behaving(logged=_wrong(tokens_used=0)),
        symptoms=r"TokenLedgerDrift",
    ),
    Incident(
        "negative_tokens",
        "rows",
        _rows("negative_tokens"),
        behaving(logged=_wrong(tokens_used=lambda used: -used)),
        symptoms=r"TokenLedgerDrift",
    ),
    Incident(
        "null_time",
        "rows",
        _rows("null_time"),
        behaving(logged=_wrong(created_at=None)),
        symptoms=_SILENT,
    ),
    Incident(
        "future_time",
        "rows",
        rf"{_rows('future_time')}|TokenUsageMisdated.*future_time",
        behaving(logged=_wrong(created_at=_moved(timedelta(hours=2)))),
        symptoms=_SILENT,
    ),
    Incident(
        "hours_back",
        "rows",
        rf"{_rows('late_time')}|TokenUsageMisdated.*late_time",
        behaving(logged=_wrong(created_at=_moved(-timedelta(hours=3)))),
        symptoms=_SILENT,
    ),
    Incident(
        "another_action",
        "rows",
        _rows("unknown_action"),
        behaving(logged=_wrong(action="ai_rewrite_v2")),
        symptoms=_SILENT,
    ),
    Incident(
        "unsubscribed_usage",
        "rows",
        r"TokenUsageUnsubscribed",
        _unsubscribed,
        (0.005, 0.02),
        symptoms=r"TokenSubscribersChanged|TokenLimit\w+",
    ),
    Incident(
        "unknown_user",
        "rows",
        _rows("unknown_user"),
        nothing,
        (0.05, 0.5),
        symptoms=r"TokenUsageUnsubscribed|Token(Plan)?Usage(Total)?Unusual",
        each_step=_strangers("seo_title"),
    ),
    Incident(
        "history_truncated",
        "rows",
        _EMPTIED,
        sql("TRUNCATE TABLE token_usage_history"),
        _WHOLE,
    ),
    Incident(
        "history_deleted",
        "rows",
        _EMPTIED,
        sql("DELETE FROM token_usage_history"),
        _WHOLE,
    ),
)

# What is too little for five minutes is told by the hour, in the first week by the first that is whole.
_TWO_HOURS = timedelta(hours=2)
USAGE = (
    Incident(
        "usage_drops",
        "usage",
        _UNUSUAL,
        behaving(volume=_volume),
        (0.1, 0.3),
        longest=_TWO_HOURS,
    ),
    Incident(
        "usage_stops",
        "usage",
        rf"{_UNUSUAL}|TokenUsageStopped",
        behaving(volume=_volume),
        (0.0,),
    ),
    Incident(
        "action_dead",
        "usage",
        r"TokenUsageUnusual.*action=",
        behaving(is_made=_action_is_alive),
        _WHOLE,
        symptoms=_UNUSUAL,
        longest=_TWO_HOURS,
    ),
    Incident(
        "plan_dead",
        "usage",
        _UNUSUAL,
        behaving(is_made=_plan_is_alive),
        _WHOLE,
        longest=_TWO_HOURS,
    ),
    Incident(
        "usage_explodes", "usage", _UNUSUAL, behaving(volume=_volume), (5.0, 15.0)
    ),
    Incident(
        "one_user_explodes",
        "usage",
        rf"{_UNUSUAL}|TokenUserUnusual",
        behaving(busy_users=_one_user),
        (10.0, 50.0),
    ),
    Incident(
        "rows_late",
        "usage",
        rf"{_rows('late_time')}|{_UNUSUAL}|TokenUsageLate|TokenUsageMisdated",
        behaving(log_delay=_delay),
        _WHOLE,
        symptoms=r"TokenLedgerDrift|TokenUsageStopped",
    ),
)
