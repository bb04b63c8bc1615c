"""Incidents during which something else happens that must not make their alerts resolve."""

from __future__ import annotations

from scripts.scorecard_parts.behaviour import Call
from scripts.scorecard_parts.incident import Incident, Scene, behaving, sql


def _nobody_is_initialised(_call: Call) -> bool:
    return False


def _without_balance(scene: Scene) -> None:
    scene.behave(is_initialised=_nobody_is_initialised)
    sql("UPDATE users SET tokens_remaining = NULL WHERE {users}")(scene)


RESOLVES = (
    Incident(
        "subscriptions_go_while_null",
        "resolves",
        r"TokenBalances((Uni|NeverI)nitialized|Overwritten)|TokenAutoInitStopped",
        _without_balance,
        (0.02, 0.1),
        symptoms=r"TokenSubscribersChanged|TokenLimitsChanged|TokenUsage\w+",
        later=sql(
            "UPDATE user_subscriptions s JOIN users ON users.id = s.user_id"
            " SET s.is_active = 0 WHERE tokens_remaining IS NULL"
        ),
    ),
    Incident(
        "history_emptied_while_stopped",
        "resolves",
        r"TokenUsageStopped|Token(Plan)?Usage(Total)?Unusual",
        behaving(volume=lambda _scene: lambda _at: 0.0),
        (1.0,),
        symptoms=r"Token\w*History\w*|TokenUsageDeleted",
        later=sql("TRUNCATE TABLE token_usage_history"),
    ),
)
