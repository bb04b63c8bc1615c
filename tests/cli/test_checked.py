"""What a check of one query comes to, and how the reports show it: no server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.cli.checked import WOULD_FAIL, Checked, CheckStatus, Finding, worst
from monitor.cli.outcome import CheckOutcome
from monitor.cli.report_formats import REPORTS
from monitor.model.errors import Reason
from monitor.model.results import Blocked, Failure, Outcome, Result, Success
from monitor.model.schedules import Every
from monitor.model.settings import ColumnName, Job, Query, Severity, Statement
from monitor.model.targets import Target, Tls

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job(
    Target("main", "monitor", "app", Tls("disabled"), host="db.example.com"),
    Query(
        "balances",
        "Balances",
        Statement("SELECT 1"),
        Every(timedelta(minutes=1)),
        timedelta(seconds=5),
        10,
        Path("balances.toml"),
    ),
)
COLUMN = ColumnName("users", "tokens_remaining")
PARTIAL = Success(
    (),
    3,
    missing=frozenset(),
    unknown=frozenset({COLUMN}),
    refusals=(Failure(Reason.ACCESS_DENIED, "SELECT command denied", 1143),),
)
OK, WARNING, CRITICAL, UNKNOWN = (
    CheckStatus.OK,
    CheckStatus.WARNING,
    CheckStatus.CRITICAL,
    CheckStatus.UNKNOWN,
)


def checked(outcome: Outcome, *findings: Finding) -> Checked:
    return Checked(Result(JOB, NOW, NOW, NOW, 0.25, outcome), findings, "3 rows")


def finding(severity: Severity, name: str = "Bad") -> Finding:
    return Finding(severity, name, {}, {"summary": "it is bad"})


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], OK),
        ([OK, OK], OK),
        ([OK, WARNING], WARNING),
        ([WARNING, UNKNOWN], UNKNOWN),
        ([UNKNOWN, CRITICAL, WARNING], CRITICAL),
    ],
)
def test_the_worst_status_counts(
    statuses: list[CheckStatus], expected: CheckStatus
) -> None:
    assert worst(statuses) is expected
    assert worst(reversed(statuses)) is expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (checked(Success((), 3)), OK),
        (checked(Success((), 3), finding(Severity.INFO)), OK),
        (
            checked(
                Success((), 3), finding(Severity.WARNING), finding(Severity.CRITICAL)
            ),
            CRITICAL,
        ),
        (checked(Failure(Reason.TIMEOUT, "late")), UNKNOWN),
        (checked(PARTIAL), UNKNOWN),
        (checked(PARTIAL, finding(Severity.CRITICAL)), CRITICAL),
        (
            checked(Failure(Reason.BAD_RESULT, "twice"), finding(Severity.WARNING)),
            UNKNOWN,
        ),
        # the missing column is a finding of its own
        (checked(Blocked((COLUMN,))), OK),
        (checked(Blocked((COLUMN,)), finding(Severity.CRITICAL, WOULD_FAIL)), CRITICAL),
        (
            checked(
                Failure(Reason.SCHEMA_MISSING, "x"),
                finding(Severity.CRITICAL, WOULD_FAIL),
            ),
            CRITICAL,
        ),
    ],
)
def test_the_status_of_one_query(one: Checked, expected: CheckStatus) -> None:
    assert one.status is expected


def test_a_schema_query_that_could_not_see_everything_says_of_what_it_cannot_tell() -> (
    None
):
    said = "cannot tell of users.tokens_remaining: SELECT command denied"
    for name in ("table", "json", "nagios"):
        assert said in REPORTS[name].of(CheckOutcome([checked(PARTIAL)])), name


def test_a_lost_target_is_shown_with_its_address_and_took_no_time() -> None:
    one = checked(Failure(Reason.TARGET_DOWN, "Connection refused", lost=True))
    assert REPORTS["nagios"].of(CheckOutcome([one])) == (
        "TOKEN-MONITOR UNKNOWN - balances on main: target_down: Connection refused (db.example.com:3306); "
        "1 query on 1 target: 0 critical, 0 warning, 1 failed, 0 blocked | "
        "critical=0;;0;0 warning=0;0;;0 failed=1;;;0;1 blocked=0;;;0;1 'main/balances'=U;;;0;5"
    )


def test_columns_of_one_table_are_named_together() -> None:
    missing = (
        COLUMN,
        ColumnName("history", "action"),
        ColumnName("history", "user_id"),
    )
    line = (
        REPORTS["table"].of(CheckOutcome([checked(Blocked(missing))])).splitlines()[1]
    )
    assert line == (
        "BLOCKED  main    balances     -  "
        "cannot run without users.tokens_remaining, history (action, user_id)"
    )


def test_many_findings_are_cut_for_nagios_and_the_rest_is_counted() -> None:
    many = [
        Finding(Severity.CRITICAL, "Bad", {}, {"summary": f"{number} " + "x" * 100})
        for number in range(20)
    ]
    text = (
        REPORTS["nagios"]
        .of(CheckOutcome([checked(Success((), 3), *many)]))
        .partition(" | ")[0]
    )
    assert text.startswith("TOKEN-MONITOR CRITICAL - 0 xxx")
    assert text.endswith("; and 16 more")
    assert len(text) < 700
