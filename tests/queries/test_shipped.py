"""The shipped queries as a whole: complete, documented, runnable under other names and other modes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.collector.execute import answer
from monitor.config import shipped_queries_directory
from monitor.model.settings import Query
from tests.queries.conftest import Bench
from tests.queries.tokens import (
    NOW,
    OTHER_NAMES,
    Data,
    Subscription,
    Usage,
    User,
    create_tables,
    replace_rows,
)

_RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
_RULES = {
    "TokenColumnMissing": "critical",
    "TokenColumnNarrowed": "critical",
    "TokenColumnMismatch": "warning",
    "TokenContractBroken": "critical",
    "TokenBalancesUninitialized": "critical",
    "TokenBalancesNeverInitialized": "info",
    "TokenSubscribersBlocked": "critical",
    "TokenBalancesNegative": "warning",
    "TokenBalancesLow": "warning",
    "TokenUsageStopped": "warning",
    "TokenUsageMisdated": "warning",
    "TokenRefillLoop": "warning",
    "TokenLedgerDrift": "critical",
    "TokenBalancesOverwritten": "critical",
    "TokenAutoInitStorm": "warning",
    "TokenAutoInitStopped": "critical",
    "TokenSubscriptionsConflicting": "warning",
    "TokenSubscribersChanged": "warning",
    "TokenSubscribersUnserved": "warning",
    "TokenSubscribersUnservedSlowly": "warning",
    "TokenPlanNew": "warning",
    "TokenHeadroom": "warning",
    "TokenHeadroomExhausted": "critical",
    "TokenIndexDropped": "warning",
    "TokenServerRestarting": "warning",
    "TokenLimitsMissing": "critical",
    "TokenLimitsChanged": "warning",
    "TokenLimitsReduced": "warning",
    "TokenLimitSizeNew": "warning",
    "TokenUsageTotalUnusual": "warning",
    "TokenUsageUnusual": "warning",
    "TokenPlanUsageUnusual": "warning",
    "TokenUserUnusual": "info",
    "TokenSignupsWithoutSubscription": "warning",
    "TokenSubscriptionsWithoutLimit": "warning",
    "TokenUsageUnsubscribed": "warning",
    "TokenHistoryInvalid": "warning",
    "TokenStatementsFailing": "warning",
    "TokenUsageHistoryEmptied": "warning",
}
_METRICS = {
    "token_schema_column_missing": ("table", "column"),
    "token_schema_column_largest": ("table", "column"),
    "token_schema_column_mismatch": ("table", "column", "kind"),
    "token_contract_names": ("state",),
    "token_contract_statements": ("state",),
    "token_subscribers": ("plan", "status"),
    "token_subscribers_uninitialized": ("plan", "balance"),
    "token_subscribers_overdue": ("plan", "balance"),
    "token_subscribers_never_used": ("plan",),
    "token_subscribers_overdue_judged": ("by",),
    "token_subscribers_blocked": ("plan",),
    "token_subscribers_below_share": ("plan",),
    "token_subscribers_below_low_balance": ("plan",),
    "token_subscribers_unable": ("action",),
    "token_subscribers_negative": ("plan",),
    "token_subscribers_counted_in_part": ("look",),
    "token_subscribers_at_limit": ("plan",),
    "token_subscribers_served": ("plan",),
    "token_newest_users": (),
    "token_newest_users_unsubscribed": (),
    "token_subscriptions_sampled": ("plan",),
    "token_subscriptions_sampled_without_limit": ("plan",),
    "token_subscribers_served_ratio": (),
    "token_ledger_drift_users": ("kind",),
    "token_ledger_drift_tokens": ("kind",),
    "token_ledger_drift_events": ("kind",),
    "token_ledger_overwritten_users": (),
    "token_ledger_cancelled_total": (),
    "token_ledger_refilled_users": (),
    "token_ledger_users_tracked": (),
    "token_ledger_unjudged_ratio": (),
    "token_auto_initializations_total": ("plan",),
    "token_auto_initializations_per_hour": (),
    "token_auto_initialization_storm_users": (),
    "token_auto_initialization_missing_calls": (),
    "token_headroom_ratio": ("table", "column"),
    "token_schema_index_present": ("table", "column"),
    "token_subscribers_conflicting": (),
    "token_subscriptions_without_limit": ("plan",),
    "token_subscriptions": ("plan", "limit_digits"),
    "token_usage_plan_events": ("plan",),
    "token_usage_busiest_user_events": (),
    "token_balance_tokens": ("plan",),
    "token_limit_tokens": ("plan",),
    "token_usage_recent_events": ("action", "window"),
    "token_usage_recent_tokens": ("action", "window"),
    "token_usage_recent_users": ("action", "window"),
    "token_usage_future_events": ("action",),
    "token_usage_events_total": ("action",),
    "token_usage_tokens_total": ("action",),
    "token_usage_invalid_rows_total": ("kind",),
    "token_usage_invalid_recent_rows": ("kind",),
    "token_usage_judged_recent_rows": (),
    "token_usage_history_emptied": (),
    "token_usage_late_rows_total": (),
    "token_usage_dropped_gaps_total": (),
    "token_usage_left_out_rows_total": ("kind",),
    "token_usage_restarts_total": (),
    "token_usage_behind_seconds": (),
    "token_usage_users_estimated": (),
    "token_usage_misdated_seconds": ("kind",),
    "token_usage_last_event_timestamp_seconds": (),
    "token_usage_history_empty": (),
    "token_usage_silence_seconds": (),
    "token_usage_unsubscribed_users": (),
    "token_server_uptime_seconds": ("server",),
    "token_server_statement_errors_total": ("code",),
    "token_server_statements_failing": ("code",),
}
_SAMPLE = Data(
    [User(1, None), User(2, -3), User(3, 500), User(4, 700)],
    [Subscription(user, 700, "Pro") for user in (1, 2, 3, 4, 4)],
    [Usage(4, 300, "rewrite", 60), Usage(9, 300, "rewrite", 7200)],
)


def queries(bench: Bench) -> tuple[Query, ...]:
    return tuple(bench.queries.values())


def test_every_shipped_query_is_loaded(tokens: Bench) -> None:
    assert {query.name for query in queries(tokens)} == {
        path.stem for path in shipped_queries_directory().glob("*.toml")
    }


def test_the_exported_metrics_have_the_names_and_labels_that_are_promised(
    tokens: Bench,
) -> None:
    found = {
        metric.name: metric.label_names
        for query in queries(tokens)
        for metric in query.metrics
        if metric.exported
    }
    assert found == _METRICS


def test_the_rules_have_the_names_and_severities_that_are_promised(
    tokens: Bench,
) -> None:
    assert {
        rule.name: rule.severity for query in queries(tokens) for rule in query.rules
    } == _RULES


def test_every_rule_has_a_runbook_that_exists_and_texts_that_say_since_when(
    tokens: Bench,
) -> None:
    for rule in (rule for query in queries(tokens) for rule in query.rules):
        assert (_RUNBOOKS / f"{rule.runbook}.md").is_file(), rule.name
        said = rule.summary + rule.description
        assert re.search(r"\{target\}", rule.summary), rule.name
        assert re.search(
            r"since \{since\}|Since \{since\}|\{last_event_text\}", said
        ), rule.name


@pytest.mark.parametrize(
    "mode",
    ["", "ONLY_FULL_GROUP_BY,STRICT_ALL_TABLES", "ANSI,TRADITIONAL,PIPES_AS_CONCAT"],
)
def test_every_query_gives_the_same_in_every_sql_mode(tokens: Bench, mode: str) -> None:
    replace_rows(tokens.connection, _SAMPLE)
    usual = {query.name: answer(query, tokens.session) for query in queries(tokens)}
    tokens.session.connection.execute("SET @before = @@sql_mode")
    tokens.session.connection.execute(f"SET SESSION sql_mode = '{mode}'")
    try:
        for query in queries(tokens):
            found = answer(query, tokens.session)
            assert found.success.evidence_errors == ()
            assert set(found.success.samples) == set(
                usual[query.name].success.samples
            ), query.name
    finally:
        tokens.session.connection.execute("SET SESSION sql_mode = @before")


def test_every_column_has_a_name_of_its_own(tokens: Bench) -> None:
    for query in queries(tokens):
        columns = answer(query, tokens.session).rows.columns
        assert all(re.fullmatch(r"[a-z0-9_]+", column) for column in columns), (
            query.name,
            columns,
        )


def test_no_query_reads_or_shows_anything_personal(tokens: Bench) -> None:
    personal = re.compile(
        r"\b(email|username|password|full_name|avatar_url|bio)\b", re.IGNORECASE
    )
    for query in queries(tokens):
        statements = [
            query.statement,
            *(rule.evidence for rule in query.rules if rule.evidence),
        ]
        code = " ".join(
            re.sub(r"--[^\n]*", "", statement.text) for statement in statements
        )
        assert not personal.search(code), query.name


def test_every_table_and_column_may_have_another_name(
    empty_schema: Bench, tmp_path: Path
) -> None:
    create_tables(empty_schema.connection, OTHER_NAMES)
    replace_rows(empty_schema.connection, _SAMPLE, OTHER_NAMES)
    for query in empty_schema.load(tmp_path, OTHER_NAMES).values():
        found = answer(query, empty_schema.session)
        assert found.success.evidence_errors == (), query.name
        if query.name == "uninitialized":
            values = [sample.value for sample in found.success.samples]
            assert values[:2] == [1, 0]


@pytest.mark.parametrize(
    "collation",
    ["latin1_swedish_ci", "utf8mb4_bin", "utf8mb4_unicode_ci", "ascii_general_ci"],
)
def test_the_collation_of_the_tables_changes_nothing(
    tokens: Bench, collation: str
) -> None:
    replace_rows(tokens.connection, _SAMPLE)
    usual = {
        query.name: answer(query, tokens.session).success for query in queries(tokens)
    }
    charset = collation.partition("_")[0]
    tables = ("user_subscriptions", "token_usage_history")
    for table in tables:
        tokens.execute(
            f"ALTER TABLE {table} CONVERT TO CHARACTER SET {charset} COLLATE {collation}"
        )
    try:
        for query in queries(tokens):
            found = answer(query, tokens.session).success
            assert set(found.samples) == set(usual[query.name].samples), query.name
            assert found.evidence == usual[query.name].evidence
    finally:
        for table in tables:
            tokens.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4")


def test_the_shown_sql_of_a_query_can_be_pasted_into_a_client(tokens: Bench) -> None:
    replace_rows(tokens.connection, _SAMPLE)
    for query in queries(tokens):
        if query.walk is not None:
            continue  # what it reads between is another range at each run
        statement = query.statement_for(tokens.session.server.flavor)
        values = {name: query.parameters[name] for name in statement.parameters}
        sql = tokens.session.statement_sql(statement, values)
        assert "%(" not in sql
        with tokens.connection.cursor() as cursor:
            cursor.execute(f"SET SESSION timestamp = {NOW.timestamp():.0f}")
            cursor.execute(sql)
            rows = cursor.fetchall()
        if query.contract is None:  # else its rows are what came of a comparison
            found = answer(query, tokens.session).rows.rows
            assert len(rows) == len(found), query.name
