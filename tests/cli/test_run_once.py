"""What a check concludes, what SHOW GRANTS says, and texts for the terminal: tables, no server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.cli.checked import WOULD_FAIL, Checked, CheckStatus, Finding, worst
from monitor.cli.output import records, table, table_or_records
from monitor.cli.reports import REPORTS
from monitor.collector.explain import is_show
from monitor.database.grants import read_grant, surplus_of
from monitor.model.errors import Reason
from monitor.model.results import Blocked, Failure, Outcome, Result, Success
from monitor.model.settings import ColumnName, Every, Job, Query, Severity, Statement
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
    ("verdicts", "expected"),
    [
        ([], OK),
        ([OK, OK], OK),
        ([OK, WARNING], WARNING),
        ([WARNING, UNKNOWN], UNKNOWN),
        ([UNKNOWN, CRITICAL, WARNING], CRITICAL),
    ],
)
def test_the_worst_verdict_counts(
    verdicts: list[CheckStatus], expected: CheckStatus
) -> None:
    assert worst(verdicts) is expected
    assert worst(reversed(verdicts)) is expected


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
def test_the_verdict_of_one_query(one: Checked, expected: CheckStatus) -> None:
    assert one.status is expected


def test_a_schema_query_that_could_not_see_everything_says_of_what_it_cannot_tell() -> (
    None
):
    said = "cannot tell of users.tokens_remaining: SELECT command denied"
    for name in ("table", "json", "nagios"):
        assert said in REPORTS[name].of([checked(PARTIAL)], UNKNOWN), name


def test_a_lost_target_is_told_with_its_address_and_took_no_time() -> None:
    one = checked(Failure(Reason.TARGET_DOWN, "Connection refused", lost=True))
    assert REPORTS["nagios"].of([one], UNKNOWN) == (
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
    told = REPORTS["table"].of([checked(Blocked(missing))], OK).splitlines()[1]
    assert told == (
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
        .of([checked(Success((), 3), *many)], CRITICAL)
        .partition(" | ")[0]
    )
    assert text.startswith("TOKEN-MONITOR CRITICAL - 0 xxx")
    assert text.endswith("; and 16 more")
    assert len(text) < 700


@pytest.mark.parametrize(
    ("line", "told", "surplus"),
    [
        (
            "GRANT USAGE ON *.* TO `m`@`%` IDENTIFIED BY PASSWORD '*D821809F681A40A6E379B50D0463EFAE20BDD'",
            "USAGE on *.*",
            (),
        ),
        ("GRANT SELECT ON `app`.* TO `m`@`%`", "SELECT on `app`.*", ()),
        (
            "GRANT SELECT (`id`, `tokens_remaining`), UPDATE (`bio`) ON `app`.`users` TO `m`@`%`",
            "SELECT (`id`, `tokens_remaining`), UPDATE (`bio`) on `app`.`users`",
            ("UPDATE (`bio`)",),
        ),
        (
            "GRANT PROCESS, SLAVE MONITOR, SUPER ON *.* TO `m`@`%` WITH GRANT OPTION",
            "PROCESS, SLAVE MONITOR, SUPER, GRANT OPTION on *.*",
            ("SUPER", "GRANT OPTION"),
        ),
        ("GRANT SELECT ON *.* TO `m`@`%`", "SELECT on *.*", ("SELECT",)),
        ("GRANT SELECT ON `a TO b`.* TO `m`@`%`", "SELECT on `a TO b`.*", ()),
        (
            "GRANT ALL PRIVILEGES ON `app`.* TO `m`@`%`",
            "ALL PRIVILEGES on `app`.*",
            ("ALL PRIVILEGES",),
        ),
        (
            "GRANT EXECUTE ON PROCEDURE `app`.`p` TO `m`@`%`",
            "EXECUTE on PROCEDURE `app`.`p`",
            ("EXECUTE",),
        ),
        (
            "GRANT `readers`@`%`,`others`@`%` TO `m`@`%`",
            "role `readers`@`%`,`others`@`%`",
            (),
        ),
        ("GRANT `readers` TO `m`@`%`", "role `readers`", ()),
    ],
)
def test_a_grant_tells_rights_and_what_is_more_than_reading(
    line: str, told: str, surplus: tuple[str, ...]
) -> None:
    grant = read_grant(line)
    assert grant is not None
    assert (str(grant), grant.surplus) == (told, surplus)


def test_the_surplus_of_an_account_is_one_right_after_the_other() -> None:
    assert surplus_of(
        [
            "GRANT FILE, SELECT ON *.* TO `m`@`%` IDENTIFIED BY PASSWORD '*D821809F681A'",
            "GRANT SELECT, INSERT ON `app`.* TO `m`@`%`",
            "SET DEFAULT ROLE `readers` FOR `m`@`%`",
        ]
    ) == ("FILE on *.*", "SELECT on *.*", "INSERT on `app`.*")


def test_a_line_that_grants_nothing_is_left_out() -> None:
    assert read_grant("SET DEFAULT ROLE `readers` FOR `m`@`%`") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SHOW TABLES", True),
        ("  -- SELECT\n# x\n/* SELECT\n*/ show status", True),
        ("SELECT 1 -- SHOW", False),
        ("-- SHOW", False),
        ("(SELECT 1)", False),
    ],
)
def test_a_show_is_told_behind_its_comments(text: str, expected: bool) -> None:
    assert is_show(text) is expected


def test_a_table_aligns_what_is_wide_and_ends_no_line_with_blanks() -> None:
    shown = table(
        [("漢字", "1", ""), ("é", "22", "x")], ("NAME", "N", "MORE"), right=(1,)
    )
    assert shown == "NAME   N  MORE\n漢字   1\né     22  x"


def test_a_table_keeps_to_its_lines_and_obeys_nothing() -> None:
    assert table([("a\nb\x1b[2J",)], ("NAME",)) == "NAME\na\\nb\\x1b[2J"
    assert (
        records([("a\nb\x1b[2J",)], ("text",)) == "-- row 1\ntext  a\n      b\\x1b[2J"
    )


def test_what_fits_is_a_table_and_what_does_not_stands_below_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    assert table_or_records([("1", "2")], ("a", "b")) == "a  b\n1  2"
    assert (
        table_or_records([("1", "2" * 10)], ("a", "b"))
        == "-- row 1\na  1\nb  2222222222"
    )
    assert table_or_records([], ("a" * 20,)) == "a" * 20
