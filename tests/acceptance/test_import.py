"""`import` as a command, and what it wrote on a real server: the series that the original gives."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.program import Daemon, run_command, wait_until

DATA = Path(__file__).parent.parent / "testdata" / "import"
FILES = {
    "query_exporter": "config.yaml",
    "sql_exporter": "sql_exporter.yml",
    "justwatch": "config.yml",
}
SMALL = """
jobs:
  - name: shop
    interval: 1m
    connections: ['mysql://watcher:hunter2@tcp(127.0.0.1:3306)/shop']
    queries:
      - { name: orders, help: Orders, values: [n], query: SELECT COUNT(*) AS n FROM orders }
"""
PASSWORD = "hunter2"


def imported(
    folder: Path, text: str, *arguments: str, name: str = "c.yml"
) -> tuple[int, str, str]:
    """Import a text into the folder `out`; gives exit code, stdout and stderr."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    done = run_command("import", str(file), "--into", str(folder / "out"), *arguments)
    return done.returncode, done.stdout, done.stderr


def texts_in(folder: Path) -> str:
    return "".join(
        path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()
    )


def test_a_configuration_of_which_all_is_kept_exits_with_0(folder: Path) -> None:
    code, stdout, stderr = imported(folder, SMALL.replace(f":{PASSWORD}", ""))
    assert (code, stderr) == (0, "")
    assert stdout.splitlines()[-1] == (
        f"{folder / 'out'}: 1 target, 1 query, 1 metric, from sql_exporter (justwatch); nothing is left to do"
    )


def test_a_password_is_left_to_the_person_and_is_nowhere_in_what_is_written(
    folder: Path,
) -> None:
    code, stdout, _ = imported(folder, SMALL)
    assert code == 1
    assert "jobs[0].connections[0]: write its password into secrets/shop" in stdout
    assert PASSWORD not in stdout + texts_in(folder / "out")
    assert not (folder / "out" / "secrets").exists()


def test_a_password_is_written_for_this_account_alone_where_that_is_asked(
    folder: Path,
) -> None:
    code, stdout, _ = imported(folder, SMALL, "--write-secrets")
    assert (code, PASSWORD in stdout) == (0, False)
    secret = folder / "out" / "secrets" / "shop"
    assert secret.read_text() == f"{PASSWORD}\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700


def test_nothing_is_overwritten(folder: Path) -> None:
    mine = folder / "out" / "config.toml"
    mine.parent.mkdir()
    mine.write_text("mine")
    code, stdout, stderr = imported(folder, SMALL)
    assert (code, stdout) == (2, "")
    assert stderr.endswith("out: is there already, and nothing in it is overwritten\n")
    assert [path.name for path in mine.parent.iterdir()] == ["config.toml"]
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs: [\n", "c.yml:2: no valid YAML: "),
        ("", "c.yml: is empty"),
        ("scrape_configs: []\n", "c.yml: is no configuration that is known here: "),
        (
            "databases: {}\nmetrics: {}\nqueries: !include q.yaml\n",
            "c.yml: q.yaml cannot be read: No such file or directory",
        ),
    ],
)
def test_what_cannot_be_read_exits_with_2_and_writes_nothing(
    folder: Path, text: str, message: str
) -> None:
    code, stdout, stderr = imported(folder, text)
    assert (code, stdout) == (2, "")
    assert message in stderr
    assert [path.name for path in folder.iterdir()] == ["c.yml"]


def test_a_file_that_is_not_there_exits_with_2(folder: Path) -> None:
    done = run_command("import", str(folder / "no.yml"), "--into", str(folder / "out"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "no.yml" in done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("program", FILES)
def test_what_is_written_passes_validate(folder: Path, program: str) -> None:
    done = run_command(
        "import",
        str(DATA / program / FILES[program]),
        "--into",
        str(folder / "out"),
        environ={"SHOP_PASSWORD": "p@ss"},
    )
    assert (done.returncode, done.stderr) == (1, "")
    config = str(folder / "out" / "config.toml")
    # The files that it names for secrets and TLS are not here, which is a note.
    checked = run_command("validate", "--config", config)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_what_our_own_check_refuses_is_left_out_with_its_reason(folder: Path) -> None:
    code, stdout, _ = imported(
        folder,
        """
jobs:
  - name: shop
    interval: 1m
    connections: ['mysql://u@tcp(127.0.0.1:99999)/shop', 'mysql://u@tcp(127.0.0.1)/shop']
    queries:
      - { name: fine, help: Fine, values: [n], query: SELECT 1 AS n }
      - { name: twice, help: Twice, labels: [a], values: [n, n2], query: "SELECT 1 AS n, 2 AS n2, {x} AS a" }
""",
    )
    assert code == 1
    lines = stdout.splitlines()
    assert [line for line in lines if "target shop-1" in line] == [
        "c.yml:5: jobs[0].connections[0]: target shop-1 was left out: targets.shop-1.port: 99999 is out of range;"
        " allowed: 1 to 65535"
    ]
    assert [line for line in lines if "twice" in line] == [
        'c.yml:8: jobs[0].queries[1]: query twice was left out: its statement: unknown parameter "{x}"'
    ]
    config = str(folder / "out" / "config.toml")
    assert run_command("validate", "--config", config).returncode == 0


def test_what_only_our_loader_knows_to_be_wrong_is_left_out_too(folder: Path) -> None:
    code, stdout, _ = imported(
        folder,
        """
databases: { shop: { dsn: "mysql://u@127.0.0.1/shop" } }
metrics: { runs: { type: counter }, runs_created: { type: gauge } }
queries:
  runs: { databases: [shop], metrics: [runs], interval: 1m, sql: SELECT 1 AS runs }
  created: { databases: [shop], metrics: [runs_created], interval: 1m, sql: SELECT 1 AS runs_created }
""",
    )
    assert code == 1
    first, summary = stdout.splitlines()
    assert first.startswith(
        "c.yml:5: queries.runs: query runs was left out: metrics.runs_total: clashes with the gauge runs_created"
    )
    assert "1 target, 1 query, 1 metric" in summary
    config = str(folder / "out" / "config.toml")
    assert run_command("validate", "--config", config).returncode == 0


def test_a_configuration_without_a_database_of_ours_writes_nothing(
    folder: Path,
) -> None:
    code, stdout, _ = imported(folder, SMALL.replace("mysql:", "postgres:"))
    assert code == 1
    assert "is a database of the kind postgres" in stdout
    assert stdout.endswith(
        "out: nothing was written, as no database of MySQL or MariaDB was found in it\n"
    )
    assert [path.name for path in folder.iterdir()] == ["c.yml"]


@pytest.fixture
def shop(mariadb: PrivateMariaDB) -> Iterator[str]:
    """Make the shop that the configurations ask, with the server's clock in a zone of its own."""
    statements = (DATA / "shop.sql").read_text(encoding="utf-8").split(";\n")
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE shop")
        cursor.execute("SELECT @@global.time_zone")
        row = cursor.fetchone()
        assert row is not None
        cursor.execute("SET GLOBAL time_zone = '+05:30'")
        cursor.execute("SET time_zone = '+05:30'")
        cursor.execute("USE shop")
        for statement in filter(str.strip, statements):
            cursor.execute(statement)
        connection.commit()
        yield str(mariadb.socket)
        cursor.execute("DROP DATABASE shop")
        cursor.execute("SET GLOBAL time_zone = %s", row)


@contextmanager
def running_import(folder: Path, program: str, socket: str) -> Iterator[Daemon]:
    """Run what was imported of a program's configuration, its first database here and the others nowhere."""
    source = folder / "theirs"
    source.mkdir()
    for path in (DATA / program).glob("*.y*ml"):
        text = path.read_text(encoding="utf-8").replace("example.com", "invalid")
        text = text.replace(
            "watcher:p%40ss@127.0.0.1:3306/shop?charset=utf8mb4",
            f"root@localhost/shop?unix_socket={socket}",
        )
        text = re.sub(
            r"watcher(:[^@]*@\S*)?@?tcp\(127\.0\.0\.1:3306\)",
            f"root@unix({socket})",
            text,
        )
        (source / path.name).write_text(text, encoding="utf-8")
    out = folder / "out"
    done = run_command("import", str(source / FILES[program]), "--into", str(out))
    assert done.returncode == 1, done.stderr
    daemon = Daemon(
        out / "config.toml", environ={"TOKEN_MONITOR_LISTEN": "127.0.0.1:0"}
    )
    try:
        yield daemon
    finally:
        daemon.stop()


def of_shop(name: str, **labels: str) -> str:
    """Return a series of query-exporter, as it is there but for the label `target`."""
    return series(name, database="shop", region="eu", target="shop", **labels)


def series(name: str, **labels: str) -> str:
    """Return a series as a page has it, its labels sorted."""
    written = {
        label: value.replace("\\", "\\\\").replace('"', '\\"')
        for label, value in labels.items()
        if value
    }
    inside = ",".join(f'{label}="{written[label]}"' for label in sorted(written))
    return f"{name}{{{inside}}}"


def sorted_labels(line: str) -> str:
    """Return a series of a page with its labels sorted."""
    name, _, inside = line.partition("{")
    found = re.findall(r'([a-z_A-Z0-9]+)="((?:[^"\\]|\\.)*)"', inside)
    return f"{name}{{{','.join(f'{label}={chr(34)}{value}{chr(34)}' for label, value in sorted(found))}}}"


def assert_gives(
    daemon: Daemon, start: str, target: str, expected: dict[str, float]
) -> None:
    """Wait until the page has these series of a target, and then no others."""

    def found() -> dict[str, float]:
        return {
            sorted_labels(line): value
            for line, value in daemon.series(start).items()
            if f'target="{target}"' in line
        }

    wait_until(lambda: expected.keys() <= found().keys())
    assert found() == expected


SLASH = '/it\'s "here"\\'


def test_series_of_query_exporter_go_on(folder: Path, shop: str) -> None:
    states = {
        (queue, state): float(state == current)
        for queue, current in (("mail", "waiting"), ("export", "failed"))
        for state in ("waiting", "running", "failed")
    }
    expected = {
        of_shop("shop_orders", state="paid"): 2,
        of_shop("shop_orders", state="open"): 2,
        of_shop("shop_orders", state="stuck"): 1,
        of_shop("shop_order_amount", state="paid"): 30.75,
        of_shop("shop_order_amount", state="open"): 12.75,
        # NULL is 0 to query-exporter, and in a label its language's word.
        of_shop("shop_order_amount", state="stuck"): 0,
        of_shop("shop_countries", country="DE"): 3,
        of_shop("shop_countries", country="FR"): 1,
        of_shop("shop_countries", country="None"): 1,
        of_shop("shop_page_hits_total", page="/"): 12345678901,
        of_shop("shop_page_hits_total", page=SLASH): 7,
        of_shop("shop_hits_total"): 12345678908,
        **{
            of_shop("shop_job_state", queue=queue, shop_job_state=state): value
            for (queue, state), value in states.items()
        },
        of_shop("shop_stock", item="apple"): 5,
        of_shop("shop_stock", item="pear"): 0,
        of_shop("shop_stock", item="plum"): 0,
        of_shop("shop_low_stock"): 1,
        of_shop("shop_recent_orders", span="hour"): 3,
        of_shop("shop_recent_orders", span="day"): 3,
        of_shop("shop_jobs_above", queue="mail", limit_seconds="10"): 1,
        of_shop("shop_jobs_above", queue="mail", limit_seconds="100"): 0,
        of_shop("shop_jobs_above", queue="export", limit_seconds="10"): 1,
        of_shop("shop_jobs_above", queue="export", limit_seconds="100"): 1,
        of_shop("shop_tables"): 4,
        of_shop("shop_answer"): 42,
    }
    with running_import(folder, "query_exporter", shop) as daemon:
        assert_gives(daemon, "shop_", "shop", expected)


def test_series_of_sql_exporter_go_on(folder: Path, shop: str) -> None:
    def ours(name: str, **labels: str) -> str:
        return series(name, region="all", target="eu", **labels)

    constant = {"env": "it's", "region_of": "eu"}
    expected = {
        ours("shop_orders", state="paid"): 2,
        ours("shop_orders", state="open"): 2,
        ours("shop_orders", state="stuck"): 1,
        # NULL is no sample there.
        ours("shop_order_amount", state="paid"): 30.75,
        ours("shop_order_amount", state="open"): 12.75,
        ours("shop_order_numbers", state="paid", number="orders"): 2,
        ours("shop_order_numbers", state="open", number="orders"): 2,
        ours("shop_order_numbers", state="stuck", number="orders"): 1,
        ours("shop_order_numbers", state="paid", number="amount"): 30.75,
        ours("shop_order_numbers", state="open", number="amount"): 12.75,
        ours("shop_countries", country="DE"): 3,
        ours("shop_countries", country="FR"): 1,
        ours("shop_countries"): 1,
        ours("shop_page_hits_total", page="/"): 12345678901,
        ours("shop_page_hits_total", page=SLASH): 7,
        ours("shop_hits"): 12345678908,
        ours("shop_stock", item="apple", **constant): 5,
        ours("shop_stock", item="plum", **constant): 0,
        ours("shop_version", hello="hello"): 1,
        ours("shop_jobs", queue="mail", env="prod"): 2,
        ours("shop_jobs", queue="export", env="prod"): 1,
        ours("shop_recent_orders"): 3,
        ours("shop_oldest"): 4,
        ours("shop_setting", Variable_name="max_connections"): 151,
    }
    with running_import(folder, "sql_exporter", shop) as daemon:
        assert_gives(daemon, "shop_", "eu", expected)


def test_series_of_justwatchs_sql_exporter_go_on(folder: Path, shop: str) -> None:
    def ours(name: str, col: str, **labels: str) -> str:
        connection = {"driver": "mysql", "host": shop, "database": "shop"}
        return series(
            name,
            col=col,
            user="root",
            sql_job="shop",
            target="shop",
            **connection,
            **labels,
        )

    expected = {
        ours("sql_orders", "orders", state="paid"): 2,
        ours("sql_orders", "orders", state="open"): 2,
        ours("sql_orders", "orders", state="stuck"): 1,
        ours("sql_orders", "amount", state="paid"): 30.75,
        ours("sql_orders", "amount", state="open"): 12.75,
        ours("sql_page_hits", "hits", page="/"): 12345678901,
        ours("sql_page_hits", "hits", page=SLASH): 7,
        ours("sql_allhits", "hits"): 12345678908,
        ours("sql_stock", "amount", item="apple"): 5,
        ours("sql_stock", "amount", item="plum"): 0,
        ours("sql_low_stock", "n"): 1,
        ours("sql_jobs", "jobs", queue="mail"): 2,
        ours("sql_jobs", "jobs", queue="export"): 1,
        ours("sql_recent", "n"): 3,
        ours("sql_tables", "n"): 4,
        ours("sql_text_number", "n"): 1500,
    }
    with running_import(folder, "justwatch", shop) as daemon:
        assert_gives(daemon, "sql_", "shop", expected)
