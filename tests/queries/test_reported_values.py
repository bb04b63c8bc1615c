"""Values that broke other exporters, on both servers: each has one right outcome here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.collector.execute import answer
from monitor.demo.mariadb import PrivateServer
from monitor.model.errors import QueryError, SampleError
from monitor.model.results import Sample
from monitor.model.schedules import Every
from monitor.model.settings import Metric, Query, Statement
from tests.queries.conftest import Bench


@pytest.fixture(scope="module")
def bench(
    each_server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    bench = Bench(each_server, tmp_path_factory.mktemp("reported"))
    try:
        yield bench
    finally:
        bench.close()


def read(bench: Bench, sql: str, metric: Metric) -> tuple[Sample, ...]:
    """Run a statement as the daemon does."""
    query = Query(
        "one",
        "One",
        Statement(sql),
        Every(timedelta(minutes=1)),
        timedelta(seconds=5),
        10,
        Path("one.toml"),
        metrics=(metric,),
    )
    return answer(query, bench.session).success.samples


VALUE = Metric("m", "h", value="n")
LABEL = Metric("m", "h", labels=("plan",), value="n")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("83505516706205592384", 83505516706205592384.0),  # beyond 64 bits
        ("-44798456", -44798456.0),  # of something that should never be negative
        ("CONCAT('-', 44798456)", -44798456.0),  # the same as text
        ("SUM(18446744073709551615)", 18446744073709551615.0),
        ("AVG(1.5)", 1.5),
        ("COUNT(*) / 3", 1 / 3),
        ("1e300 * 10", 1e301),
    ],
)
def test_a_number_of_any_size_and_kind_is_that_number(
    bench: Bench, expression: str, value: float
) -> None:
    (sample,) = read(bench, f"SELECT {expression} AS n", VALUE)
    assert sample.value == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("aggregate", ["SUM", "MAX", "AVG"])
def test_an_aggregate_over_nothing_is_never_zero(bench: Bench, aggregate: str) -> None:
    nothing = f"SELECT {aggregate}(t.x) AS n FROM (SELECT 1 AS x) t WHERE t.x > 1"
    with pytest.raises(SampleError, match="NULL"):
        read(bench, nothing, VALUE)
    assert read(bench, nothing, Metric("m", "h", value="n", null="skip")) == ()
    assert read(bench, nothing.replace(aggregate, "COUNT"), VALUE)[0].value == 0


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3", "utf8mb4", "utf16"])
def test_a_label_of_any_character_set_comes_as_what_it_says(
    bench: Bench, charset: str
) -> None:
    bench.execute(
        "DROP TABLE IF EXISTS jobs",
        f"CREATE TABLE jobs (plan VARCHAR(40) CHARACTER SET {charset})",
        "INSERT INTO jobs VALUES ('Ausführen von C:\\\\ 14\" €')",
    )
    (sample,) = read(bench, "SELECT plan AS plan, 1 AS n FROM jobs", LABEL)
    assert dict(sample.labels) == {"plan": 'Ausführen von C:\\ 14" €'}


def test_a_label_cut_in_the_middle_of_a_character_is_refused_and_not_shown_as_half(
    bench: Bench,
) -> None:
    with pytest.raises((SampleError, QueryError)):
        read(bench, "SELECT LEFT(CAST('ODS_T_行' AS BINARY), 7) AS plan, 1 AS n", LABEL)


def test_the_columns_may_come_in_any_order(bench: Bench) -> None:
    (sample,) = read(bench, "SELECT 'supplier_invoice' AS plan, 3 AS n", LABEL)
    assert [sample] == list(
        read(bench, "SELECT 3 AS n, 'supplier_invoice' AS plan", LABEL)
    )
