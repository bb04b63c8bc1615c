"""Incidents in which balances and history part, and in which users are stuck without a balance."""

from __future__ import annotations

from collections.abc import Callable

from scripts.scorecard_parts.behaviour import Call, Use, user_chance
from scripts.scorecard_parts.incident import (
    Incident,
    Scene,
    behaving,
    nothing,
    sql,
)

Deduct = Callable[[Call, int], int]
Log = Callable[[Call, Use], tuple[Use, ...]]
_WHOLE = (1.0,)
_USERS = (0.005, 0.02, 0.1)
_SUBSCRIBED = "JOIN user_subscriptions s ON s.user_id = users.id AND s.is_active = 1"


def _deducting(times: float) -> Callable[[Scene], Deduct]:
    """Return a deduction that is so many times the cost in the share of the calls."""

    def make(scene: Scene) -> Deduct:
        def deducted(call: Call, balance: int) -> int:
            is_hit = call.chance < scene.size
            return balance - int(call.cost * (times if is_hit else 1))

        return deducted

    return make


def _unlogged(scene: Scene) -> Log:
    return lambda call, use: () if call.chance < scene.size else (use,)


def _spenders(scene: Scene) -> dict[int, float]:
    """Have users of the smallest plan spend all they have every few minutes, and be filled up again."""
    count = max(2, round(scene.size * 3_000))
    users = scene.value(
        "SELECT GROUP_CONCAT(user_id) FROM (SELECT user_id FROM user_subscriptions WHERE is_active = 1"
        f" AND plan_type = 'starter' ORDER BY user_id LIMIT {count}) chosen"
    )
    return {int(user): 20.0 for user in str(users).split(",")}


def _refilled(scene: Scene) -> Deduct:
    """Return a deduction that fills up whom it has just charged, since the balance reads as 0."""

    def deducted(call: Call, balance: int) -> int:
        if user_chance(call.user_id) < scene.size and call.limit:
            return call.limit
        return balance - call.cost

    return deducted


def _not_initialised(scene: Scene) -> Callable[[Call], bool]:
    return lambda _call: False


def _stuck(who: str, balance: str = "0") -> Callable[[Scene], None]:
    def begin(scene: Scene) -> None:
        behaving(is_initialised=_not_initialised)(scene)
        sql(f"UPDATE users {_SUBSCRIBED} SET tokens_remaining = {balance} WHERE {who}")(
            scene
        )

    return begin


def _storm(scene: Scene) -> None:
    """Have balances of active users read 0 at each look: each use fills them up again."""
    sql(
        "UPDATE users SET tokens_remaining = 0 WHERE {users} AND id IN"
        " (SELECT user_id FROM token_usage_history WHERE created_at > NOW() - INTERVAL 3 HOUR)"
    )(scene)


_OVERWRITTEN = r"TokenBalancesOverwritten"
_DRIFT = rf"TokenLedgerDrift|{_OVERWRITTEN}"
_STOPPED = r"TokenAutoInitStopped|TokenSubscribersStuck"
_EMPTY = r"TokenBalances(Uni|NeverI)nitialized|TokenSubscribersBlocked|TokenBalancesLow|TokenSubscribersEmpty"
_QUIET = r"Token(Plan)?Usage(Total)?Unusual|TokenUsageStopped|[Ss]erved|Slo"

LEDGER = (
    Incident(
        "undeducted",
        "ledger",
        r"TokenLedgerDrift.*kind=undeducted",
        behaving(deducted=_deducting(0)),
        symptoms=r"TokenLedgerDrift.*kind=(higher)",
    ),
    Incident(
        "unlogged",
        "ledger",
        r"TokenLedgerDrift.*kind=unlogged",
        behaving(logged=_unlogged),
        symptoms=rf"{_QUIET}|TokenLedgerDrift.*kind=lower",
    ),
    Incident(
        "double_deduction",
        "ledger",
        r"TokenLedgerDrift.*kind=double",
        behaving(deducted=_deducting(2)),
        symptoms=r"TokenLedgerDrift.*kind=(lower)",
    ),
    Incident(
        "wrong_sign",
        "ledger",
        r"TokenLedgerDrift.*kind=sign",
        behaving(deducted=_deducting(-1)),
        symptoms=r"TokenLedgerDrift.*kind=(higher)",
    ),
    Incident(
        "wrong_amount",
        "ledger",
        r"TokenLedgerDrift.*kind=amount",
        behaving(deducted=_deducting(0.7)),
        symptoms=r"TokenLedgerDrift.*kind=(higher|lower)",
    ),
    Incident(
        "refill_loop",
        "ledger",
        r"TokenRefillLoop",
        behaving(busy_users=_spenders),
        (0.001, 0.005),
        symptoms=r"Token(Plan)?Usage(Total)?Unusual|TokenUserUnusual",
    ),
    Incident(
        "filled_at_each_call",
        "ledger",
        r"TokenRefillLoop|TokenLedgerDrift.*kind=undeducted",
        behaving(deducted=_refilled),
        _USERS,
        symptoms=r"TokenLedgerDrift.*kind=higher",
    ),
    Incident(
        "above_limit",
        "ledger",
        r"TokenLedgerDrift|TokenBalancesAboveLimit",
        sql(
            f"UPDATE users {_SUBSCRIBED} SET tokens_remaining = s.tokens_limit * 10 WHERE {{users}}"
        ),
        (0.02, 0.1, 0.5),
        ends=_DRIFT,
    ),
    Incident(
        "update_without_where",
        "ledger",
        _OVERWRITTEN,
        sql(
            "UPDATE users SET tokens_remaining = 5000 WHERE tokens_remaining IS NOT NULL"
        ),
        _WHOLE,
        symptoms=_EMPTY,
        ends=_DRIFT,
    ),
    Incident(
        "subtract_without_where",
        "ledger",
        _OVERWRITTEN,
        sql("UPDATE users SET tokens_remaining = tokens_remaining - 1500"),
        _WHOLE,
        symptoms=rf"{_EMPTY}|TokenBalancesNegative",
        ends=_DRIFT,
    ),
    Incident(
        "wiped_to_null",
        "ledger",
        rf"TokenBalances(Uni|NeverI)nitialized|{_OVERWRITTEN}",
        sql("UPDATE users SET tokens_remaining = NULL WHERE {users}"),
        (0.005, 0.1, 1.0),
        symptoms=r"TokenAutoInitStorm",
        # Who uses something is filled up, as documented: of a small plan that may be the only one.
        ends=rf"{_DRIFT}|TokenBalances(Uni|NeverI)nitialized",
    ),
    Incident(
        "wiped_to_zero",
        "ledger",
        rf"TokenAutoInitStorm|{_OVERWRITTEN}|TokenSubscribersEmpty|TokenBalances(Uni|NeverI)nitialized",
        sql("UPDATE users SET tokens_remaining = 0 WHERE {users}"),
        (0.02, 0.1, 1.0),
        symptoms=_EMPTY,
        ends=_DRIFT,
    ),
    Incident(
        "negative_balances",
        "ledger",
        rf"TokenBalancesNegative|TokenSubscribersBlocked|{_OVERWRITTEN}",
        sql(f"UPDATE users {_SUBSCRIBED} SET tokens_remaining = -700 WHERE {{users}}"),
        _USERS,
        symptoms=r"TokenLedgerDrift",
        ends=_DRIFT,
    ),
)

STUCK = (
    Incident(
        "stuck_at_zero",
        "stuck",
        _STOPPED,
        _stuck("{users}"),
        (0.02, 0.1),
        symptoms=rf"{_EMPTY}|{_DRIFT}",
        ends=_DRIFT,
    ),
    Incident(
        "stuck_all",
        "stuck",
        rf"{_STOPPED}|TokenBalances(Uni|NeverI)nitialized|TokenSubscribersEmpty",
        _stuck("1"),
        _WHOLE,
        symptoms=rf"{_EMPTY}|{_QUIET}|{_DRIFT}",
        ends=_DRIFT,
    ),
    Incident(
        "stuck_small_plan",
        "stuck",
        rf"{_STOPPED}|TokenSubscribersEmpty",
        _stuck("s.plan_type = 'team'"),
        _WHOLE,
        symptoms=rf"{_EMPTY}|{_QUIET}|{_DRIFT}",
        ends=_DRIFT,
    ),
    Incident(
        "stuck_at_null",
        "stuck",
        rf"{_STOPPED}|TokenBalances(Uni|NeverI)nitialized",
        _stuck("{users}", balance="NULL"),
        (0.005, 0.02, 0.1),
        symptoms=rf"{_QUIET}|{_DRIFT}",
        ends=_DRIFT,
    ),
    Incident(
        "auto_init_storm",
        "stuck",
        rf"TokenAutoInitStorm|{_OVERWRITTEN}",
        nothing,
        (0.2, 1.0),
        symptoms=rf"{_EMPTY}|TokenLedgerDrift|TokenRefillLoop",
        each_step=_storm,
    ),
)
