"""How long the server has been up, for an account that may see the three tables and nothing else."""

from __future__ import annotations

from monitor.collector.execute import answer
from tests.queries.conftest import Bench
from tests.queries.tokens import create_tables


def test_the_uptime_is_the_servers_by_its_name_and_takes_no_right(
    empty_schema: Bench,
) -> None:
    bench = empty_schema
    create_tables(bench.connection)
    bench.execute(
        "CREATE USER IF NOT EXISTS only_reads@localhost",
        f"GRANT SELECT ON {bench.schema}.* TO only_reads@localhost",
    )
    with bench.as_user("only_reads") as session:
        success = answer(bench.queries["server_uptime"], session).success

    (sample,) = success.samples
    (_, uptime) = row(bench, "SHOW GLOBAL STATUS LIKE 'Uptime'")
    (hostname,) = row(bench, "SELECT @@hostname")
    assert 0 <= int(uptime) - sample.value <= 60
    assert sample.labels == (("server", hostname),)


def row(bench: Bench, statement: str) -> tuple[str, ...]:
    with bench.connection.cursor() as cursor:
        cursor.execute(statement)
        found = cursor.fetchone()
    assert found is not None
    return found
