"""Incidents that change at once what should change slowly: limits, plans, subscriptions."""

from __future__ import annotations

from datetime import timedelta

from scripts.scorecard_parts.incident import Incident, behaving, sql

_LIMITS = r"TokenLimit\w+"
_SUBSCRIBERS = r"TokenSubscribersChanged"
_EITHER = r"TokenLimit\w+|TokenSubscribersChanged"
_PLANS = r"TokenSubscribersChanged|TokenPlan\w*|TokenSubscribersNew\w*"
_AFTER = (
    r"Token(Plan)?Usage(Total)?Unusual|TokenUsageStopped|TokenSubscribersBlocked|TokenUsageUnsubscribed"
    r"|[Ss]erved|Slo"
)
_WHOLE = (1.0,)
_SUBS = "UPDATE user_subscriptions SET"

CHANGES = (
    Incident(
        "limits_zero",
        "changes",
        rf"{_LIMITS}|TokenSubscriptionsWithoutLimit",
        sql(f"{_SUBS} tokens_limit = 0 WHERE plan_type = '{{plan}}'"),
        _WHOLE,
        symptoms=_AFTER,
    ),
    Incident(
        "limits_null",
        "changes",
        rf"{_LIMITS}|TokenSubscriptionsWithoutLimit",
        sql(f"{_SUBS} tokens_limit = NULL WHERE plan_type = '{{plan}}'"),
        _WHOLE,
        symptoms=_AFTER,
    ),
    Incident(
        "limits_divided",
        "changes",
        _LIMITS,
        sql(
            f"{_SUBS} tokens_limit = tokens_limit DIV 1000 WHERE plan_type = '{{plan}}'"
        ),
        _WHOLE,
        symptoms=_AFTER,
    ),
    Incident(
        "limits_multiplied",
        "changes",
        _LIMITS,
        sql(f"{_SUBS} tokens_limit = tokens_limit * 100 WHERE plan_type = '{{plan}}'"),
        _WHOLE,
    ),
    Incident(
        "subscriptions_inactive",
        "changes",
        _SUBSCRIBERS,
        sql(f"{_SUBS} is_active = 0 WHERE {{subscriptions}}"),
        (0.1, 1.0),
        symptoms=rf"{_AFTER}|{_LIMITS}",
    ),
    Incident(
        "subscriptions_deleted",
        "changes",
        _SUBSCRIBERS,
        sql("DELETE FROM user_subscriptions WHERE {subscriptions}"),
        (0.1, 1.0),
        symptoms=rf"{_AFTER}|{_LIMITS}",
    ),
    Incident(
        "users_deleted",
        "changes",
        rf"{_SUBSCRIBERS}|TokenUsers\w*|TokenSubscriptionsOrphaned",
        sql("DELETE FROM users WHERE {users}"),
        (0.1,),
        symptoms=_AFTER,
    ),
    Incident(
        "plan_inactive",
        "changes",
        _SUBSCRIBERS,
        sql(f"{_SUBS} is_active = 0 WHERE plan_type = '{{plan}}'"),
        _WHOLE,
        symptoms=rf"{_AFTER}|{_LIMITS}",
    ),
    Incident(
        "downgraded",
        "changes",
        _EITHER,
        sql(
            f"{_SUBS} plan_type = 'starter', tokens_limit = 60000 WHERE plan_type <> 'starter' AND {{subscriptions}}"
        ),
        (0.2, 0.5),
    ),
    Incident(
        "plan_misspelt",
        "changes",
        _PLANS,
        sql(f"{_SUBS} plan_type = 'buisness' WHERE plan_type = 'business'"),
        _WHOLE,
        symptoms=_LIMITS,
    ),
    Incident(
        "plan_empty",
        "changes",
        _PLANS,
        sql(f"{_SUBS} plan_type = '' WHERE plan_type = 'pro' AND {{subscriptions}}"),
        (0.1, 1.0),
        symptoms=_LIMITS,
    ),
    Incident(
        "signups_without_subscription",
        "changes",
        r"TokenSignupsWithoutSubscription",
        behaving(subscribes=lambda _scene: False),
        _WHOLE,
        # About twenty sign up on a day.
        longest=timedelta(hours=20),
    ),
    Incident(
        "subscribed_twice",
        "changes",
        r"TokenSubscriptionsConflicting",
        sql(
            "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type)"
            " SELECT user_id, 200000, 'pro' FROM user_subscriptions WHERE is_active = 1 AND {subscriptions}"
        ),
        (0.005, 0.1),
        symptoms=_EITHER,
    ),
)
