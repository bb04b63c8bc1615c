"""`validate --connect` on a real server: what a minute costs, which index helps, what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateServer
from tests.acceptance.configs import only_ours, token_system, two_files, write_config
from tests.acceptance.program import run_command

ROWS = 200_000
QUERY = """summary = "s"
interval = "30s"
timeout = "20s"
[metrics.app_{name}]
help = "h"
value = "n"
"""


def verdict_of(
    folder: Path, server: PrivateServer, schema: str, *, load: str = ""
) -> tuple[int, str]:
    config = only_ours(write_config(folder, server, schema, extra=f"[load]\n{load}"))
    done = run_command("validate", "--connect", "--config", str(config))
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def big(server: PrivateServer, server_schema: str, tmp_path: Path) -> str:
    """Make a large table of which a query counts the few that are wrong, and one that is cheap."""
    with server.connect(server_schema) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE digits (d INT)")
        cursor.execute(
            "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)"
        )
        cursor.execute("CREATE TABLE big (id INT AUTO_INCREMENT PRIMARY KEY, n INT)")
        cursor.execute(
            "INSERT INTO big (n) SELECT a.d FROM digits a, digits b, digits c, digits e,"
            " digits f, (SELECT 0 UNION ALL SELECT 1) g"
        )
        connection.commit()
        cursor.execute("ANALYZE TABLE big")
        cursor.fetchall()
    two_files(
        tmp_path,
        "scan",
        sql="SELECT COUNT(*) AS n FROM big AS b WHERE b.n = 3",
        toml=QUERY.format(name="scan"),
    )
    two_files(
        tmp_path,
        "cheap",
        sql="SELECT COUNT(*) AS n FROM big WHERE id = 1",
        toml=QUERY.format(name="cheap"),
    )
    return server_schema


def test_a_minute_is_measured_and_the_index_that_would_help_is_told(
    tmp_path: Path, server: PrivateServer, big: str
) -> None:
    code, said = verdict_of(tmp_path, server, big)
    assert code == 0, said
    cost = re.search(
        r"a minute costs the server ([\d,.]+) ms of statements, (within|beyond) the share of 600 ms"
        r" \(2 of 2 queries were run once",
        said,
    )
    assert cost is not None, said
    assert 1 < float(cost[1].replace(",", "")) < 60_000
    dearest = re.search(
        r"^ +scan +30s +([\d,]+) +([\d,.]+) ms +[\d,.]+ ms$", said, re.M
    )
    assert dearest is not None, said
    assert 0.8 * ROWS < int(dearest[1].replace(",", "")) < 1.3 * ROWS
    assert re.search(
        r"index: scan reads about [\d,]+ rows of big at each run and uses [\d,]+ of them"
        r" \((it counted|the server guesses)\): one on the columns that its WHERE compares"
        r" would have it read about \d+ times fewer",
        said,
    ), said


def test_with_the_index_nothing_is_advised(
    tmp_path: Path, server: PrivateServer, big: str
) -> None:
    with server.connect(big) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE INDEX n ON big (n)")
    code, said = verdict_of(tmp_path, server, big)
    assert code == 0, said
    assert "index:" not in said


def test_a_query_that_would_read_too_much_is_refused_and_not_run(
    tmp_path: Path, server: PrivateServer, big: str
) -> None:
    code, said = verdict_of(tmp_path, server, big, load="max_rows_read = 10000")
    assert code == 2, said
    assert re.search(
        r"scan: refused: would read about [\d,]+ rows at each run, more than max_rows_read"
        r" \(10,000\) allows",
        said,
    ), said
    assert "1 of 2 queries were run once" in said
    assert "cheap: refused" not in said


def test_beyond_the_share_it_says_what_will_happen(
    tmp_path: Path, server: PrivateServer, big: str
) -> None:
    code, said = verdict_of(tmp_path, server, big, load="share = 0.000001")
    assert code == 0, said
    assert "beyond the share of 0 ms" in said
    assert "intervals of what is not critical will be stretched" in said


def test_the_shipped_queries_have_a_verdict(
    tmp_path: Path, server: PrivateServer, server_schema: str
) -> None:
    token_system(server, server_schema)
    config = write_config(tmp_path, server, server_schema)
    done = run_command("validate", "--connect", "--config", str(config))
    assert done.returncode == 0, done.stdout
    assert "a minute costs the server" in done.stdout
    assert "refused" not in done.stdout
    assert "was not run: " not in done.stdout.replace(
        "was not run: it reads in pieces", ""
    )
