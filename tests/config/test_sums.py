"""What can be added up from piece to piece, by the text of a statement."""

from __future__ import annotations

import pytest

from monitor.config.sql.statement import read_template
from monitor.config.sql.sums import counted_columns, sum_faults

WHERE = "FROM t WHERE id > :from_key AND id <= :to_key"
GROUPED = f"{WHERE} GROUP BY plan"
ADVICE = (
    "write COUNT(…), SUM(…) or COALESCE(SUM(…), 0) AS the column: pieces are added up"
)


@pytest.mark.parametrize(
    "expression",
    [
        "COUNT(*)",
        "count(*)",
        "SUM(n)",
        "SUM(CASE WHEN a IN (1, 2) THEN COALESCE(b, 3) ELSE 0 END)",
        "COALESCE(SUM(n), 0)",
        "IFNULL(SUM(n),0)",
        "NULLIF(COALESCE(SUM(n), 0), 0)",
        "COUNT(n) -- not SUM(x) + 1\n",
    ],
)
@pytest.mark.parametrize("alias", ["AS n", "n", "AS `n`"])
def test_counts_and_sums_can_be_added(expression: str, alias: str) -> None:
    template = read_template(f"SELECT plan, {expression} {alias} {GROUPED}")

    assert list(sum_faults(template, ["plan"], ["n"])) == []


@pytest.mark.parametrize(
    "expression",
    [
        "AVG(n)",
        "MAX(n)",
        "COUNT(DISTINCT user_id)",
        "SUM(DISTINCT n)",
        "SUM(n) + 1",
        "SUM(n) / COUNT(*)",
        "COALESCE(SUM(n), 5)",
        "COALESCE(MAX(n), 0)",
        "ROUND(SUM(n), 0)",
        "SUM(n) OVER (PARTITION BY plan)",
        "(SUM(n))",
        "1",
    ],
)
def test_what_is_no_sum_is_refused_with_what_to_write(expression: str) -> None:
    template = read_template(f"SELECT\n  plan,\n  {expression} AS n\n{GROUPED}")

    (fault,) = sum_faults(template, ["plan"], ["n"])

    assert fault.line == 3
    assert fault.message == f'"n" is not a count or a sum; {ADVICE}'


@pytest.mark.parametrize(
    ("sql", "line", "message"),
    [
        (f"SELECT plan, COUNT(*) AS n {WHERE}", 1, "has labels and no GROUP BY plan"),
        (
            f"SELECT plan, COUNT(*) AS n\n{GROUPED} HAVING n > 1",
            2,
            "HAVING is refused",
        ),
        (f"SELECT plan, COUNT(*) AS n {GROUPED}\nLIMIT 5", 2, "LIMIT is refused"),
        (
            f"SELECT plan, COUNT(*) AS n {GROUPED} UNION ALL SELECT 'x', 1",
            1,
            "UNION is refused",
        ),
        (
            f"SELECT DISTINCT plan, COUNT(*) AS n {GROUPED}",
            1,
            "DISTINCT is refused",
        ),
        (
            f"SELECT plan, COUNT(*) AS n {GROUPED} WITH ROLLUP",
            1,
            "WITH ROLLUP is refused",
        ),
        (f"SELECT plan, COUNT(*) AS m {GROUPED}", 1, '"n" is no column'),
        ("", 1, '"n" is no column'),
        ("SELECT , , FROM", 1, '"n" is no column'),
    ],
)
def test_what_spoils_a_sum_is_refused(sql: str, line: int, message: str) -> None:
    fault = next(sum_faults(read_template(sql), ["plan"], ["n"]))

    assert (fault.line, fault.message.startswith(message)) == (line, True), fault


def test_only_the_outermost_select_counts() -> None:
    sql = (
        "WITH one AS (SELECT MAX(x) AS n FROM t LIMIT 3)"
        f" SELECT plan, SUM(n) AS n FROM (SELECT plan, MAX(n) AS n {GROUPED} HAVING n > 0) d GROUP BY plan"
    )

    assert list(sum_faults(read_template(sql), ["plan"], ["n"])) == []


def test_counts_are_known() -> None:
    template = read_template(
        f"SELECT COUNT(*) AS a, SUM(x) AS b, COALESCE(COUNT(y), 0) AS c {WHERE}"
    )

    assert counted_columns(template) == {"a", "c"}
