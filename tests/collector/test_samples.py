from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.cells import REFUSALS
from monitor.collector.column_names import spelt_as_in
from monitor.collector.metric_values import VALUE_OF_NULL
from monitor.collector.samples import missing_of, samples_of
from monitor.model.errors import SampleError
from monitor.model.metric_kinds import Aggregate, Bucket, HistogramColumns
from monitor.model.results import Cell, ColumnType, Rows, Sample
from monitor.model.schedules import Every
from monitor.model.settings import ColumnName, Metric, Query, SchemaColumns, Statement

BALANCE = Metric("balance_tokens", "Sum of balances", labels=("plan",), value="tokens")
SUBSCRIBERS = Metric(
    "subscribers",
    "By status",
    labels=("plan",),
    values_label="status",
    values=("needs_init", "ok"),
)


def query(*metrics: Metric, schema: SchemaColumns | None = None) -> Query:
    every_minute = Every(timedelta(minutes=1))
    return Query(
        "balances",
        "Balances",
        Statement("SELECT 1"),
        every_minute,
        timedelta(seconds=5),
        1000,
        Path("balances.toml"),
        metrics=metrics,
        schema=schema,
    )


def rows(columns: str, *cells: tuple[Cell, ...]) -> Rows:
    return Rows(tuple(columns.split()), cells)


def message(wrong: Rows, *metrics: Metric) -> str:
    with pytest.raises(SampleError) as caught:
        samples_of(query(*metrics), wrong)
    return str(caught.value)


def test_every_type_of_a_column_says_what_it_cannot_be_read_as() -> None:
    missing = set(ColumnType) - REFUSALS.keys()
    assert missing == set(), "without a row in REFUSALS (collector/cells.py)"
    for column_type, refusal in REFUSALS.items():
        assert refusal.as_number, column_type


def test_every_word_for_null_has_its_value() -> None:
    words = set(get_args(get_type_hints(Metric)["null"]))
    values = VALUE_OF_NULL.keys() | {"error"}
    assert words - values == set(), "not in VALUE_OF_NULL (collector/samples.py)"


def test_one_column_with_the_number_gives_one_sample_for_each_row() -> None:
    given_rows = rows("plan tokens", ("pro", 7), ("free", Decimal("0.25")))
    assert samples_of(query(BALANCE), given_rows) == (
        Sample("balance_tokens", (("plan", "pro"),), 7.0),
        Sample("balance_tokens", (("plan", "free"),), 0.25),
    )


def test_columns_become_the_values_of_one_more_label() -> None:
    assert samples_of(
        query(SUBSCRIBERS), rows("plan needs_init ok", ("pro", 2, 5))
    ) == (
        Sample("subscribers", (("plan", "pro"), ("status", "needs_init")), 2.0),
        Sample("subscribers", (("plan", "pro"), ("status", "ok")), 5.0),
    )


def test_several_metrics_read_the_same_rows_exported_or_not() -> None:
    hidden = replace(BALANCE, name="hidden", labels=(), value="age", exported=False)
    assert samples_of(
        query(BALANCE, hidden), rows("plan tokens age", ("pro", 1, 2))
    ) == (
        Sample("balance_tokens", (("plan", "pro"),), 1.0),
        Sample("hidden", (), 2.0),
    )


@pytest.mark.parametrize(("how", "value"), [("sum", 5.5), ("min", 1.0), ("max", 4.5)])
def test_rows_with_the_same_labels_are_one_sample_where_the_metric_says_how(
    how: Aggregate, value: float
) -> None:
    metric = replace(BALANCE, aggregate=how)
    given_rows = rows("plan tokens", ("pro", 1), ("free", 7), ("pro", Decimal("4.5")))
    assert samples_of(query(metric), given_rows) == (
        Sample("balance_tokens", (("plan", "pro"),), value),
        Sample("balance_tokens", (("plan", "free"),), 7.0),
    )


@pytest.mark.parametrize("how", get_args(Aggregate))
@pytest.mark.parametrize("cells", [("pro", None), ("pro", 1)], ids=["at first", "last"])
def test_what_is_not_known_of_a_row_is_not_known_of_all(
    how: Aggregate, cells: tuple[Cell, ...]
) -> None:
    metric = replace(BALANCE, aggregate=how, null="nan")
    given_rows = rows("plan tokens", cells, ("pro", 3), ("pro", None))
    (sample,) = samples_of(query(metric), given_rows)
    assert math.isnan(sample.value)
    metric = replace(BALANCE, aggregate=how, null="skip")
    (sample,) = samples_of(
        query(metric), rows("plan tokens", ("pro", None), ("pro", 3))
    )
    assert sample.value == 3


def test_rows_that_are_one_sample_are_counted_and_never_overflow() -> None:
    metric = Metric("files", "Files", constant=1.0, aggregate="sum")
    given_rows = rows("name", ("a",), ("b",), ("c",))
    assert samples_of(query(metric), given_rows) == (Sample("files", (), 3.0),)
    largest = replace(BALANCE, labels=(), aggregate="sum")
    given_rows = rows("tokens", (1.7e308,), (1.7e308,))
    assert samples_of(query(largest), given_rows)[0].value == math.inf


def test_zero_rows_are_no_samples_and_no_error() -> None:
    assert (
        samples_of(query(BALANCE, SUBSCRIBERS), rows("plan tokens needs_init ok")) == ()
    )


@pytest.mark.parametrize(
    ("null", "value"),
    [("skip", None), ("zero", 0.0), ("nan", math.nan)],
    ids=["skip", "zero", "nan"],
)
def test_null_means_what_the_metric_says(null: str, value: float | None) -> None:
    metric = replace(BALANCE, null=null)  # type: ignore[arg-type] # the parameters are the allowed words
    samples = samples_of(query(metric), rows("plan tokens", ("pro", None)))
    assert [repr(sample.value) for sample in samples] == (
        [] if value is None else [repr(value)]
    )


def test_null_is_an_error_where_nothing_is_said() -> None:
    assert message(rows("plan tokens", ("pro", 1), ("free", None)), BALANCE) == (
        'row 2: column "tokens" is NULL; say what that means in [metrics.balance_tokens]: '
        'null = "skip", "zero" or "nan"'
    )


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (
            "ON",
            "is text that is not a number; write what it means as one, such as (… = 'ON')",
        ),
        (
            b"12",
            "is binary (BINARY, VARBINARY, BLOB) and not a number; use CAST(… AS DECIMAL(65, 10)) if it holds"
            " digits",
        ),
        (
            datetime(2026, 11, 22, tzinfo=UTC),
            "is a date and time and not a number; use UNIX_TIMESTAMP(…)",
        ),
        (date(2026, 11, 22), "is a date and not a number; use UNIX_TIMESTAMP(…)"),
        (timedelta(1), "is a time and not a number; use TIME_TO_SEC(…)"),
        (math.inf, "is inf, which is not a finite number"),
        (math.nan, "is nan, which is not a finite number"),
        (Decimal("1e999"), "is 1E+999, which is not a finite number"),
        (Decimal("NaN"), "is NaN, which is not a finite number"),
        ("1e999", "is 1e999, which is not a finite number"),
        (
            "-1e99999999999999999999",
            "is -1e99999999999999999999, which is not a finite number",
        ),
    ],
)
def test_a_value_that_is_no_number_is_an_error(cell: Cell, problem: str) -> None:
    assert (
        message(rows("plan tokens", ("pro", cell)), BALANCE)
        == f'row 1: column "tokens" {problem}'
    )


def test_a_text_closer_to_zero_than_every_float_is_zero() -> None:
    tiny = rows("plan tokens", ("pro", "1e-99999999999999999999"))
    assert [one.value for one in samples_of(query(BALANCE), tiny)] == [0.0]


def test_an_integer_beyond_every_float_is_an_error() -> None:
    assert "which is not a finite number" in message(
        rows("plan tokens", ("pro", 10**400)), BALANCE
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("-0.5", -0.5), ("+3", 3), ("1.", 1), (".5", 0.5), ("1e3", 1000)],
)
def test_text_that_is_nothing_but_a_number_is_one(text: str, number: float) -> None:
    (sample,) = samples_of(query(BALANCE), rows("plan tokens", ("pro", text)))
    assert sample.value == number


@given(st.text() | st.text("0123456789+-._eExX infNA\n٣", max_size=6))
def test_only_the_digits_that_a_server_writes_make_text_a_number(text: str) -> None:
    """Python's own float() also takes blanks, underscores, other scripts' digits, nan and inf."""
    plain = (
        bool(text)
        and text.isascii()
        and not set(text) & set("_ \t\n\r\v\f\x1c\x1d\x1e\x1f")
    )
    try:
        expected = float(text) if plain else math.nan
    except ValueError:
        expected = math.nan
    try:
        found = samples_of(query(BALANCE), rows("plan tokens", ("pro", text)))[0].value
    except SampleError:
        found = math.nan
    assert found == expected or not math.isfinite(expected)


@pytest.mark.parametrize("null", ["error", "skip", "zero", "nan"])
def test_the_word_for_null_does_not_cover_text(null: str) -> None:
    metric = replace(BALANCE, null=null)  # type: ignore[arg-type] # the parameters are the allowed words
    assert "is text that is not a number" in message(
        rows("plan tokens", ("pro", "")), metric
    )


@pytest.mark.parametrize(
    ("cell", "number"),
    [(True, 1.0), (False, 0.0), (3, 3.0), (-0.5, -0.5), (Decimal("12.50"), 12.5)],
)
def test_numbers_of_every_type_are_values(cell: Cell, number: float) -> None:
    assert [
        sample.value
        for sample in samples_of(query(BALANCE), rows("plan tokens", ("pro", cell)))
    ] == [number]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("pro", "pro"),
        ("Ünïcode", "Ünïcode"),
        (7, "7"),
        (True, "true"),
        (False, "false"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        (date(2026, 11, 22), "2026-11-22"),
    ],
)
def test_label_values_become_text(cell: Cell, text: str) -> None:
    samples = samples_of(query(BALANCE), rows("plan tokens", (cell, 1)))
    assert samples == (Sample("balance_tokens", (("plan", text),), 1.0),)


def test_an_empty_label_value_is_no_label() -> None:
    assert samples_of(query(BALANCE), rows("plan tokens", ("", 1))) == (
        Sample("balance_tokens", (), 1.0),
    )


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (None, "NULL; use COALESCE(…, 'none')"),
        (0.5, "a float; use CAST(… AS DECIMAL(30, 6))"),
        (
            b"pro",
            "binary (BINARY, VARBINARY, BLOB); use HEX(…), or CONVERT(… USING utf8mb4) if it holds text",
        ),
        (timedelta(1), "a time; use CAST(… AS CHAR)"),
        ("é" * 513, "of 1,026 bytes, allowed are 1,024; use LEFT(…, 200)"),
    ],
)
def test_a_label_that_is_no_text_is_an_error(cell: Cell, problem: str) -> None:
    said = message(rows("plan tokens", ("pro", 1), (cell, 1)), BALANCE)
    assert (
        said.replace("a label of", "a label and of")
        == f'row 2: column "plan" is a label and {problem}'
    )


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        (date(2026, 11, 22), "2026-11-22"),
        (datetime(2026, 11, 22, 14, 5, 12), "2026-11-22T14:05:12"),  # noqa: DTZ001 # as the driver gives them
        (datetime(2026, 11, 22, tzinfo=UTC), "2026-11-22T00:00:00+00:00"),
    ],
)
def test_a_label_that_is_a_time_is_written_as_iso_8601_has_it(
    cell: Cell, label: str
) -> None:
    (sample,) = samples_of(query(BALANCE), rows("plan tokens", (cell, 1)))
    assert sample.labels == (("plan", label),)


def test_null_in_a_label_is_what_the_file_says() -> None:
    for null_label, labels in {"none": (("plan", "none"),), "": ()}.items():
        metric = replace(BALANCE, null_label=null_label)
        (sample,) = samples_of(query(metric), rows("plan tokens", (None, 1)))
        assert sample.labels == labels


def test_a_label_of_just_one_kib_is_one() -> None:
    (sample,) = samples_of(query(BALANCE), rows("plan tokens", ("é" * 512, 1)))
    assert sample.labels == (("plan", "é" * 512),)


def test_two_rows_with_the_same_labels_are_an_error_for_the_whole_result() -> None:
    doubled = rows("plan tokens", ("pro", 1), ("free", 1), ("pro", 1))
    assert message(doubled, BALANCE) == (
        'row 3: balance_tokens{plan="pro"} is in row 1 already; two rows with the same labels'
    )


def test_an_error_about_labels_names_them_all() -> None:
    metric = replace(BALANCE, labels=("plan", "region"))
    assert message(
        rows("plan region tokens", ("pro", "eu", 1), ("pro", "eu", 2)), metric
    ) == (
        'row 2: balance_tokens{plan="pro", region="eu"} is in row 1 already; two rows with the same labels'
    )


def test_labels_are_compared_as_the_text_that_they_become() -> None:
    assert "two rows with the same labels" in message(
        rows("plan tokens", (1, 1), ("1", 1)), BALANCE
    )
    doubled = rows("plan tokens", ("1.0", 1), (Decimal("1.0"), 1))
    assert "two rows with the same labels" in message(doubled, BALANCE)


def test_two_metrics_may_have_the_same_labels() -> None:
    other = replace(BALANCE, name="other")
    assert len(samples_of(query(BALANCE, other), rows("plan tokens", ("pro", 1)))) == 2


def test_a_skipped_row_says_nothing_and_so_doubles_nothing() -> None:
    metric = replace(BALANCE, null="skip")
    samples = samples_of(query(metric), rows("plan tokens", ("pro", None), ("pro", 3)))
    assert samples == (Sample("balance_tokens", (("plan", "pro"),), 3.0),)


def test_a_skipped_column_hides_none_of_the_others() -> None:
    samples = samples_of(
        query(replace(SUBSCRIBERS, null="skip")),
        rows("plan needs_init ok", ("pro", None, 3)),
    )
    assert samples == (Sample("subscribers", (("plan", "pro"), ("status", "ok")), 3.0),)


@pytest.mark.parametrize("cells", [(), (("pro", 1, 1),)], ids=["zero rows", "one row"])
def test_a_column_that_the_statement_does_not_give_is_an_error(
    cells: tuple[tuple[Cell, ...], ...],
) -> None:
    metric = replace(SUBSCRIBERS, details=("since",))
    assert message(rows("PLAN needs_init tokens", *cells), metric) == (
        "metric subscribers names column plan, ok, since; the statement gives PLAN, needs_init, tokens"
    )


def test_a_metric_for_rules_alone_needs_its_columns_too() -> None:
    hidden = Metric("age", "", value="age_seconds", exported=False)
    assert "metric age names column age_seconds" in message(rows("plan"), hidden)


def test_two_columns_of_one_name_are_refused() -> None:
    assert message(rows("plan tokens tokens", ("pro", 1, 2)), BALANCE) == (
        "two columns are called tokens; alias one of them"
    )
    assert message(rows("plan tokens plan tokens"), BALANCE) == (
        "two columns are called plan, tokens; alias one of them"
    )


def test_a_statement_that_gives_no_columns_at_all_gives_no_samples() -> None:
    assert samples_of(query(BALANCE), Rows((), ())) == ()
    with pytest.raises(
        SampleError, match="metric balance_tokens names column plan, tokens"
    ):
        samples_of(query(BALANCE), Rows((), ((),)))


@pytest.mark.parametrize(
    "cells", [("pro",), ("pro", 1, 1)], ids=["too few", "too many"]
)
def test_a_row_that_does_not_fit_its_columns_is_never_read_askew(
    cells: tuple[Cell, ...],
) -> None:
    with pytest.raises(ValueError, match="zip"):
        samples_of(query(BALANCE), rows("plan tokens", cells))
    with pytest.raises(ValueError, match="zip"):
        missing_of(
            query(schema=SCHEMA),
            rows("table_name column_name missing extra", ("users", "id", 0)),
        )


def test_details_are_text_beside_the_sample() -> None:
    metric = replace(BALANCE, details=("seen", "note", "share"))
    seen = datetime(2026, 11, 22, 14, 5, 12)  # noqa: DTZ001 # the driver gives them without a zone
    given_rows = rows(
        "plan tokens seen note share", ("pro", 1, seen, None, Decimal("0.50"))
    )
    (sample,) = samples_of(query(metric), given_rows)
    assert dict(sample.details) == {"seen": "2026-11-22 14:05:12", "share": "0.50"}


def test_a_detail_that_is_no_text_is_an_error() -> None:
    metric = replace(BALANCE, details=("note",))
    assert message(rows("plan tokens note", ("pro", 1, b"\xff")), metric) == (
        'row 1: column "note" is binary (BINARY, VARBINARY, BLOB); use HEX(…),'
        " or CONVERT(… USING utf8mb4) if it holds text"
    )


SCHEMA = SchemaColumns("table_name", "column_name", "missing")


def test_a_schema_query_names_the_columns_that_are_missing() -> None:
    found = rows(
        "table_name column_name missing", ("users", "tokens", 1), ("users", "id", 0)
    )
    assert missing_of(query(schema=SCHEMA), found) == {ColumnName("users", "tokens")}
    assert (
        missing_of(query(schema=SCHEMA), rows("table_name column_name missing"))
        == frozenset()
    )


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (("users", "id", 2), 'row 1: column "missing" is 2, allowed: 0, 1'),
        (("users", "id", None), 'row 1: column "missing" is NULL and not a number'),
        (
            (None, "id", 1),
            "row 1: column \"table_name\" is a label and NULL; use COALESCE(…, 'none')",
        ),
        (
            ("users", None, 1),
            "row 1: column \"column_name\" is a label and NULL; use COALESCE(…, 'none')",
        ),
    ],
)
def test_a_schema_query_that_does_not_say_it_clearly_is_an_error(
    cells: tuple[Cell, ...], problem: str
) -> None:
    with pytest.raises(SampleError) as caught:
        missing_of(query(schema=SCHEMA), rows("table_name column_name missing", cells))
    assert str(caught.value) == problem


def test_a_schema_query_without_its_columns_is_an_error() -> None:
    with pytest.raises(
        SampleError, match="query balances names column missing; the statement gives"
    ):
        missing_of(query(schema=SCHEMA), rows("table_name column_name"))


def test_only_a_schema_query_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match=r"^balances is not a schema query$"):
        missing_of(query(BALANCE), rows("plan tokens"))


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(),
    st.binary(),
    st.datetimes(),
    st.dates(),
    st.timedeltas(),
)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=5))
def test_any_rows_give_whole_samples_or_a_sample_error(
    cells: list[tuple[Cell, ...]],
) -> None:
    metrics = (replace(BALANCE, details=("ok",)), replace(SUBSCRIBERS, null="nan"))
    given_rows = Rows(("plan", "tokens", "needs_init", "ok"), tuple(cells))
    try:
        samples = samples_of(query(*metrics), given_rows)
    except SampleError:
        return
    assert len(samples) == 3 * len(cells)
    assert len({(sample.metric, sample.labels) for sample in samples}) == len(samples)


RUNS = Metric(
    "replica_runs", "Whether it runs", value="running", words={"yes": 1.0, "no": 0.0}
)


@pytest.mark.parametrize(
    ("cell", "value"),
    [("Yes", 1.0), ("NO", 0.0), ("yes", 1.0), ("on", None), ("", None)],
)
def test_a_word_is_the_number_that_the_file_gives_it(
    cell: str, value: float | None
) -> None:
    if value is None:
        assert message(rows("running", (cell,)), RUNS) == (
            f'row 1: column "running" is "{cell}", which [metrics.replica_runs] states does not know; it has:'
            " yes, no"
        )
        return
    (sample,) = samples_of(query(RUNS), rows("running", (cell,)))
    assert sample.value == value


@pytest.mark.parametrize("cell", ["7", 7, Decimal("7.0"), "+7", "0.7e1"])
def test_a_number_beside_words_is_itself(cell: Cell) -> None:
    metric = replace(RUNS, words={"yes": 1.0, "*": -1.0})
    (sample,) = samples_of(query(metric), rows("running", (cell,)))
    assert sample.value == 7


def test_where_a_word_is_a_number_numbers_are_words() -> None:
    metric = replace(RUNS, words={"200": 1.0, "*": 0.0})
    found = [
        samples_of(query(metric), rows("running", (cell,)))[0].value
        for cell in ("200", "404", "-")
    ]
    assert found == [1.0, 0.0, 0.0]
    coded = replace(RUNS, words={"200": 1.0})
    assert '"404", which' in message(rows("running", ("404",)), coded)


def test_any_other_word_may_have_a_number_too() -> None:
    metric = replace(RUNS, words={"yes": 1.0, "*": -1.0})
    found = samples_of(query(metric), rows("running", ("Connecting",)))
    assert [sample.value for sample in found] == [-1.0]


STATE = Metric(
    "replica_state",
    "What it does",
    labels=("channel",),
    kind="stateset",
    value="state",
    states=("running", "Stopped"),
)


def test_a_stateset_has_a_series_for_each_state_of_which_one_is_true() -> None:
    found = samples_of(
        query(STATE), rows("channel state", ("a", "RUNNING"), ("b", "stopped"))
    )
    assert [(dict(one.labels), one.value) for one in found] == [
        ({"channel": "a", "replica_state": "running"}, 1.0),
        ({"channel": "a", "replica_state": "Stopped"}, 0.0),
        ({"channel": "b", "replica_state": "running"}, 0.0),
        ({"channel": "b", "replica_state": "Stopped"}, 1.0),
    ]


def test_a_state_that_a_stateset_does_not_know_is_an_error() -> None:
    assert message(rows("channel state", ("a", "lost")), STATE) == (
        'row 1: column "state" is "lost", which [metrics.replica_state] states does not know; it has:'
        " running, Stopped"
    )


@pytest.mark.parametrize(("null", "values"), [("zero", [0.0, 0.0]), ("skip", [])])
def test_a_state_that_is_null_is_what_the_file_says(
    null: Literal["zero", "skip"], values: list[float]
) -> None:
    metric = replace(STATE, null=null)
    found = samples_of(query(metric), rows("channel state", ("a", None)))
    assert [sample.value for sample in found] == values


def test_an_info_is_1_whatever_the_row_holds() -> None:
    metric = Metric(
        "server_info", "What it is", labels=("version",), kind="info", constant=1.0
    )
    (sample,) = samples_of(query(metric), rows("version", ("10.11",)))
    assert sample == Sample("server_info", (("version", "10.11"),), 1.0)


WAITS = Metric(
    "waits_seconds",
    "How long jobs waited",
    labels=("queue",),
    kind="histogram",
    histogram=HistogramColumns(
        (Bucket("0.5", "fast"), Bucket("5.0", "slow")), "took", "jobs"
    ),
)


def test_a_histogram_has_its_buckets_its_count_and_its_sum() -> None:
    found = samples_of(
        query(WAITS), rows("queue fast slow took jobs", ("mail", 3, 3, 41.5, 5))
    )
    assert [(one.metric, dict(one.labels), one.value) for one in found] == [
        ("waits_seconds_bucket", {"queue": "mail", "le": "0.5"}, 3.0),
        ("waits_seconds_bucket", {"queue": "mail", "le": "5.0"}, 3.0),
        ("waits_seconds_bucket", {"queue": "mail", "le": "+Inf"}, 5.0),
        ("waits_seconds_count", {"queue": "mail"}, 5.0),
        ("waits_seconds_sum", {"queue": "mail"}, 41.5),
    ]


@pytest.mark.parametrize(
    ("fast", "slow", "column", "shown", "below"),
    [(3, 2, "slow", "2", "3"), (3, 6, "slow", "6", "3"), (-1, 2, "fast", "-1", "0")],
)
def test_buckets_that_are_not_cumulative_are_an_error(
    fast: int, slow: int, column: str, shown: str, below: str
) -> None:
    bound = {"fast": "0.5", "slow": "5.0"}[column]
    wrong = rows("queue fast slow took jobs", ("mail", fast, slow, 1, 5))
    assert message(wrong, WAITS) == (
        f'row 1: column "{column}" is the bucket of at most {bound} with {shown} of 5, and the one below it has'
        f" {below}; buckets are cumulative: SUM(… <= {bound})"
    )


def test_two_rows_of_one_histogram_with_the_same_labels_are_an_error() -> None:
    twice = rows(
        "queue fast slow took jobs", ("mail", 1, 1, 1, 1), ("mail", 2, 2, 2, 2)
    )
    assert "is in row 1 already" in message(twice, WAITS)


@pytest.mark.parametrize("null", ["skip", "zero"])
def test_a_histogram_over_nothing_is_what_the_file_says(
    null: Literal["zero", "skip"],
) -> None:
    metric = replace(WAITS, null=null)
    over_nothing = rows("queue fast slow took jobs", ("mail", 0, 0, None, 0))
    found = samples_of(query(metric), over_nothing)
    assert len(found) == {"skip": 0, "zero": 5}[null]


def test_columns_are_found_without_regard_to_case_where_only_one_can_be_meant() -> None:
    asked = query(BALANCE)
    found = spelt_as_in(asked, rows("PLAN Tokens", ("pro", 7)))
    assert samples_of(asked, found) == (
        Sample("balance_tokens", (("plan", "pro"),), 7.0),
    )
    exact = rows("plan tokens", ("pro", 7))
    assert spelt_as_in(asked, exact) is exact
    ambiguous = rows("PLAN Plan tokens", ("a", "b", 7))
    assert spelt_as_in(asked, ambiguous).columns == ("PLAN", "Plan", "tokens")
