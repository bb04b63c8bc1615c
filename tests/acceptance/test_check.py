"""`check` as a shell, a deployment pipeline and Nagios call it: exit codes, formats, streams."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from tests.acceptance.configs import only_ours, token_system, two_files, write_config
from tests.acceptance.program import run_command, wait_until

OK, WARNING, CRITICAL, UNKNOWN = range(4)

# monitoring-plugins.org, "Performance data": 'label'=value[UOM];[warn];[crit];[min];[max]
LABEL = r"(?:'(?:[^'=]|'')+'|[^\s'=]+)"
RANGE = r"(?:@?(?:~|-?[0-9.]+)?:?(?:-?[0-9.]+)?)"
PERFDATA = re.compile(
    rf"{LABEL}=(?:U|-?[0-9.]+(?:s|us|ms|%|B|KB|MB|TB|c)?)(?:;{RANGE}){{0,2}}(?:;[0-9.]*){{0,2}}"
)


def execute(server: PrivateServer, schema: str, *statements: str) -> None:
    with server.connect(schema) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def own_config(config: Path) -> str:
    """Leave out the shipped queries; gives the path for --config."""
    return str(only_ours(config))


def query(
    folder: Path, name: str, sql: str, *, timeout: str = "5s", more: str = ""
) -> None:
    toml = f'summary = "{name}"\ninterval = "1m"\ntimeout = "{timeout}"\n{more}'
    two_files(folder, name, sql=sql, toml=toml)


def rule(name: str, metric: str, severity: str) -> str:
    return f"""
        [metrics.{metric}]
        help = "{metric}"
        value = "n"
        [rules.{name}]
        metric = "{metric}"
        above = 0
        for = "1h"
        severity = "{severity}"
        summary = "{{value}} of {metric} on {{target}}"
        """


def checked_json(
    *arguments: str, environ: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    done = run_command("check", "--format", "json", *arguments, environ=environ)
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["exit_code"] == done.returncode
    return done.returncode, document


def status_of(document: dict[str, Any]) -> dict[str, str]:
    return {one["query"]: one["status"] for one in document["checks"]}


def split_nagios(line: str) -> tuple[str, dict[str, str]]:
    """Take a plugin's output apart as Nagios does; every piece of performance data must be valid."""
    assert line.count("\n") == 1
    assert line.endswith("\n")
    text, _, data = line.rstrip("\n").partition(" | ")
    pieces = re.findall(r"(?:'(?:[^']|'')+'|[^\s'])+", data)
    assert [piece for piece in pieces if not PERFDATA.fullmatch(piece)] == []
    return text, {
        piece.rpartition("=")[0].strip("'"): piece.rpartition("=")[2]
        for piece in pieces
    }


def test_a_healthy_token_system_is_ok_in_every_format(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    token_system(server, server_schema)
    config = str(write_config(folder, server, server_schema))
    done = run_command("check", "--config", config)
    assert (done.returncode, done.stderr) == (OK, "")
    assert re.search(
        r"^OK: \d+ queries on 1 target: 0 critical, 0 warning, 0 failed, 0 blocked$",
        done.stdout,
        re.MULTILINE,
    )
    code, document = checked_json("--config", config)
    assert (code, document["status"], document["problems"]) == (OK, "ok", [])
    assert set(status_of(document).values()) == {"ok"}
    nagios = run_command("check", "--format", "nagios", "--config", config)
    text, data = split_nagios(nagios.stdout)
    assert (nagios.returncode, nagios.stderr) == (OK, "")
    assert text.startswith("TOKEN-MONITOR OK - ")
    assert (data["critical"], data["warning"]) == ("0;;0;0", "0;0;;0")
    assert re.fullmatch(r"[0-9.]+s;;;0;30", data["main/balances"])
    assert data["main/TokenColumnMissing/tokens_remaining/users"] == "0;;~:0"


def test_only_warnings_are_a_warning(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    query(
        folder,
        "backlog",
        "SELECT 3 AS n",
        more=rule("Backlog", "backlog_rows", "warning"),
    )
    query(folder, "news", "SELECT 1 AS n", more=rule("News", "news_rows", "info"))
    config = own_config(write_config(folder, mariadb, schema))
    code, document = checked_json("--config", config)
    assert code == WARNING
    assert status_of(document) == {"backlog": "warning", "news": "ok"}
    (finding,) = document["checks"][0]["findings"]
    assert finding == {
        "alertname": "Backlog",
        "severity": "warning",
        "labels": {"alertname": "Backlog", "severity": "warning", "target": "main"},
        "annotations": {"summary": "3 of backlog_rows on main"},
        "evidence": [],
    }
    assert (
        "WARNING Backlog: 3 of backlog_rows on main"
        in run_command("check", "--config", config).stdout
    )
    nagios = run_command("check", "--format", "nagios", "--config", config).stdout
    assert nagios.startswith("TOKEN-MONITOR WARNING - 3 of backlog_rows on main; ")


def test_what_is_only_for_information_is_shown_and_ok(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    query(folder, "news", "SELECT 1 AS n", more=rule("News", "news_rows", "info"))
    done = run_command(
        "check", "--config", own_config(write_config(folder, mariadb, schema))
    )
    assert done.returncode == OK
    assert "INFO News: 1 of news_rows on main" in done.stdout


def test_a_missing_column_is_critical_with_its_repair_and_what_needs_it_is_blocked(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    token_system(server, server_schema)
    execute(server, server_schema, "ALTER TABLE users DROP COLUMN tokens_remaining")
    config = str(write_config(folder, server, server_schema))
    done = run_command("check", "--config", config)
    assert (done.returncode, done.stderr) == (CRITICAL, "")
    assert (
        "        ALTER TABLE `users` ADD COLUMN `tokens_remaining` INT DEFAULT NULL AFTER role;\n"
        in done.stdout
    )
    assert re.search(
        r"^BLOCKED +main +balances +- +cannot run without users.tokens_remaining$",
        done.stdout,
        re.M,
    )
    assert re.search(
        r"^CRITICAL: .* 1 critical, 0 warning, 0 failed, [1-9]\d* blocked$",
        done.stdout,
        re.M,
    )
    _, document = checked_json("--config", config)
    statuses = status_of(document)
    assert (
        statuses["missing_columns"],
        statuses["balances"],
        statuses["last_usage"],
    ) == (
        "critical",
        "blocked",
        "ok",
    )
    balances = next(one for one in document["checks"] if one["query"] == "balances")
    assert (balances["missing"], balances["reason"]) == (
        ["users.tokens_remaining"],
        None,
    )
    text, data = split_nagios(
        run_command("check", "--format", "nagios", "--config", config).stdout
    )
    assert text.startswith(
        "TOKEN-MONITOR CRITICAL - The column users.tokens_remaining is missing on main since"
    )
    assert (data["critical"], data["main/balances"]) == ("1;;0;0", "U;;;0;30")


def test_a_table_that_is_gone_is_one_finding_about_the_table(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    execute(mariadb, schema, "DROP TABLE token_usage_history")
    code, document = checked_json(
        "--config", str(write_config(folder, mariadb, schema))
    )
    findings = [finding for one in document["checks"] for finding in one["findings"]]
    assert code == CRITICAL
    assert [finding["labels"].get("column") for finding in findings] == [None]
    assert findings[0]["annotations"]["summary"].startswith(
        "The table token_usage_history (with "
    )


def test_evidence_is_in_the_json_of_its_finding_and_nobody_is_named_elsewhere(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    execute(mariadb, schema, "UPDATE users SET tokens_remaining = NULL WHERE id = 5")
    config = str(write_config(folder, mariadb, schema))
    code, document = checked_json("uninitialized", "--config", config)
    (finding,) = document["checks"][0]["findings"]
    assert code == CRITICAL
    assert [row["user_id"] for row in finding["evidence"]] == [5]
    assert "@example.com" not in json.dumps(document)
    reported = run_command("check", "uninitialized", "--config", config).stdout
    assert "user_id=5" not in reported
    assert "@example.com" not in reported


@pytest.mark.parametrize("form", ["table", "json", "nagios"])
def test_a_database_that_is_down_is_unknown_and_said_once(
    form: str, mariadb: PrivateMariaDB, folder: Path
) -> None:
    config = write_config(
        folder, mariadb, "app", target={"unix_socket": str(folder / "nobody.sock")}
    )
    done = run_command("check", "--format", form, "--config", str(config))
    assert (done.returncode, done.stderr) == (UNKNOWN, "")
    if form == "json":
        document = json.loads(done.stdout)
        assert {one["reason"] for one in document["checks"]} == {"target_down"}
        assert document["counts"]["failed"] == len(document["checks"]) > 5
    elif form == "nagios":
        text, data = split_nagios(done.stdout)
        assert re.fullmatch(
            r"TOKEN-MONITOR UNKNOWN - \d+ queries on main: target_down: No such file .* \(.+sock\); .*",
            text,
        )
        assert data["main/balances"] == "U;;;0;30"
    else:
        assert re.search(
            r"^UNKNOWN: .* 0 critical, 0 warning, [1-9]\d* failed, 0 blocked$",
            done.stdout,
            re.M,
        )


def test_a_server_that_says_nothing_costs_one_connect_timeout_and_not_one_for_each_query(
    mariadb: PrivateMariaDB, folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        config = folder / "config.toml"
        config.write_text(
            f'[targets.main]\nhost = "{host}"\nport = {port}\nuser = "m"\ndatabase = "app"\n'
        )
        started = time.monotonic()
        code, document = checked_json("--config", str(config))
        assert time.monotonic() - started < 20
    assert code == UNKNOWN
    assert {one["reason"] for one in document["checks"]} == {"target_down"}


def test_a_wrong_password_is_unknown_and_the_password_is_not_shown(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    user = f"{server_schema}_locked"
    execute(
        server, server_schema, f"CREATE USER {user}@localhost IDENTIFIED BY 'right'"
    )
    target = {"user": user, "password_env": "PASSWORD"}
    config = str(write_config(folder, server, server_schema, target=target))
    done = run_command(
        "check",
        "--format",
        "json",
        "--config",
        config,
        environ={"PASSWORD": "wr0ng-one"},
    )
    execute(server, server_schema, f"DROP USER {user}@localhost")
    document = json.loads(done.stdout)
    assert done.returncode == UNKNOWN
    assert {one["reason"] for one in document["checks"]} == {"access_denied"}
    assert "wr0ng-one" not in done.stdout + done.stderr


def test_rights_taken_away_are_access_denied_and_not_missing_columns(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    token_system(server, server_schema)
    user = f"{server_schema}_blind"
    execute(
        server,
        server_schema,
        f"CREATE USER {user}@localhost",
        f"GRANT SELECT ON {server_schema}.user_subscriptions TO {user}@localhost",
    )
    code, document = checked_json(
        "--config",
        str(write_config(folder, server, server_schema, target={"user": user})),
    )
    execute(server, server_schema, f"DROP USER {user}@localhost")
    reasons = {one["query"]: one["reason"] for one in document["checks"]}
    assert code == UNKNOWN
    assert (reasons["missing_columns"], reasons["balances"]) == (
        "access_denied",
        "access_denied",
    )
    assert document["counts"]["critical"] == 0


def test_one_query_over_its_time_is_unknown_and_the_others_are_reported(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    query(folder, "slow", "SELECT SLEEP(30) AS n", timeout="200ms")
    query(folder, "quick", "SELECT 1 AS n")
    code, document = checked_json(
        "--config", own_config(write_config(folder, mariadb, schema))
    )
    assert code == UNKNOWN
    assert status_of(document) == {"quick": "ok", "slow": "unknown"}
    assert {one["query"]: one["reason"] for one in document["checks"]} == {
        "quick": None,
        "slow": "timeout",
    }


@pytest.mark.parametrize(
    ("severity", "expected"), [("critical", CRITICAL), ("warning", UNKNOWN)]
)
def test_critical_outweighs_could_not_tell_and_that_outweighs_a_warning(
    severity: str, expected: int, mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    query(folder, "broken", "SELECT n FROM no_such_table")
    query(folder, "bad", "SELECT 1 AS n", more=rule("Bad", "bad_rows", severity))
    config = own_config(write_config(folder, mariadb, schema))
    done = run_command("check", "--format", "nagios", "--config", config)
    assert done.returncode == expected
    text, data = split_nagios(done.stdout)
    assert "1 of bad_rows on main" in text
    assert "broken on main: schema_missing: " in text
    assert data["failed"] == "1;;;0;2"


def test_two_findings_that_would_be_one_alert_are_a_bad_result(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    twice = rule("Bad", "bad_rows", "critical")
    query(folder, "bad", "SELECT 1 AS n UNION ALL SELECT 2", more=twice)
    code, document = checked_json(
        "--config", own_config(write_config(folder, mariadb, schema))
    )
    assert (code, document["checks"][0]["reason"]) == (UNKNOWN, "bad_result")


def test_of_two_targets_one_may_be_down_and_the_other_is_reported(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    execute(mariadb, schema, "UPDATE users SET tokens_remaining = NULL WHERE id = 5")
    dead = f'[targets.dead]\nunix_socket = "{folder}/nobody.sock"\nuser = "root"\ndatabase = "app"'
    config = str(write_config(folder, mariadb, schema, extra=dead))
    code, document = checked_json("--config", config)
    statuses = {
        (one["target"], one["query"]): one["status"] for one in document["checks"]
    }
    assert code == CRITICAL
    assert statuses["main", "uninitialized"] == "critical"
    assert {status for (target, _), status in statuses.items() if target == "dead"} == {
        "unknown"
    }
    assert (
        run_command("check", "--target", "dead", "--config", config).returncode
        == UNKNOWN
    )
    done = run_command("check", "--target", "main", "balances", "--config", config)
    assert done.returncode == OK
    assert "dead" not in done.stdout


def test_of_a_table_that_is_read_in_pieces_the_last_row_is_seen_too(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    # Numbers as far apart as those that several machines give: more pieces than one run of the daemon reads.
    rows = ", ".join(
        f"({place * 92_233_720_368_547_754 + 17}, {place == 59})" for place in range(60)
    )
    execute(
        mariadb,
        schema,
        "CREATE TABLE codes (id BIGINT PRIMARY KEY, is_bad INT NOT NULL)",
        f"INSERT INTO codes VALUES {rows}",
    )
    two_files(
        folder,
        "codes",
        sql="SELECT COUNT(*) AS n FROM codes c WHERE c.is_bad = 1 AND c.id > :from_key AND c.id <= :to_key",
        toml='summary = "codes"\ninterval = "1m"\ntimeout = "10s"\n[sweep]\nkey = "codes.id"\n'
        + rule("CodesBad", "codes_bad", "warning"),
    )
    config = own_config(write_config(folder, mariadb, schema))
    code, document = checked_json("codes", "--config", config)
    assert document["problems"] == []
    assert (code, status_of(document)) == (WARNING, {"codes": "warning"})


def test_queries_are_chosen_by_name_or_pattern(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    _, document = checked_json(
        "*_usage", "balances", "--config", str(write_config(folder, mariadb, schema))
    )
    assert sorted(status_of(document)) == ["balances", "last_usage", "recent_usage"]


@pytest.mark.parametrize("form", ["table", "json", "nagios"])
@pytest.mark.parametrize(
    ("arguments", "config", "words"),
    [
        ((), "targets = 1", "targets"),
        ((), None, "there is no such file"),
        (("balancs",), "", 'no query "balancs"; did you mean "balances"?'),
        (("zz",), "", 'no query "zz"; allowed: balances, headroom,'),
        (("--target", "mian"), "", 'no target "mian"; did you mean "main"?'),
        (
            (),
            '[queries.last_rows]\nenabled = false\n[targets.idle]\nuser = "m"\ndatabase = "d"\nhost = "h"\n',
            "",
        ),
    ],
    ids=[
        "bad config",
        "no config",
        "unknown query",
        "no query like it",
        "unknown target",
        "healthy names",
    ],
)
def test_what_cannot_be_begun_is_unknown_and_says_why_in_every_format(
    form: str,
    arguments: tuple[str, ...],
    config: str | None,
    words: str,
    mariadb: PrivateMariaDB,
    folder: Path,
) -> None:
    path = folder / "config.toml"
    if config is not None and words != "targets":
        write_config(
            folder,
            mariadb,
            "nowhere",
            extra=config,
            target={"unix_socket": "/nowhere.sock"},
        )
    elif config is not None:
        path.write_text(config)
    if not words:
        arguments = ("balances", "--target", "idle")
        path.write_text(path.read_text() + 'except = ["balances"]\n')
        words = 'nothing selected: no query "balances" runs on target "idle"'
    done = run_command("check", *arguments, "--format", form, "--config", str(path))
    assert done.returncode == UNKNOWN
    assert words in done.stderr
    if form == "json":
        document = json.loads(done.stdout)
        assert (document["status"], document["exit_code"], document["checks"]) == (
            "unknown",
            UNKNOWN,
            [],
        )
        assert words in document["problems"][0]
    elif form == "nagios":
        assert done.stdout.startswith("TOKEN-MONITOR UNKNOWN - ")
        assert words in done.stdout
        assert done.stdout.count("\n") == 1
    else:
        assert done.stdout == ""


def test_an_unknown_option_is_unknown_and_not_critical() -> None:
    done = run_command("check", "--bogus")
    assert (done.returncode, done.stdout) == (UNKNOWN, "")
    assert "No such option" in done.stderr


def test_a_text_with_a_bar_or_a_line_break_cannot_break_the_line_for_nagios(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    query(
        folder,
        "odd",
        "SELECT 'a|b\\n=1' AS plan, 1 AS n",
        more="""
            [metrics.odd_rows]
            help = "odd"
            labels = ["plan"]
            value = "n"
            [rules.Odd]
            metric = "odd_rows"
            above = 0
            severity = "critical"
            summary = "plan {plan} is | odd"
            """,
    )
    config = write_config(folder, mariadb, schema)
    config.write_text(
        config.read_text().replace("[targets.main]", '[targets."it\'s a = b"]')
    )
    done = run_command("check", "--format", "nagios", "--config", own_config(config))
    text, data = split_nagios(done.stdout)
    assert done.returncode == CRITICAL
    assert text.startswith("TOKEN-MONITOR CRITICAL - plan a/b =1 is / odd; ")
    assert "it''s a _ b/odd" in data


def test_logs_are_on_stderr_only_and_tell_of_each_run_when_asked(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    query(folder, "fine", "SELECT 1 AS n")
    query(folder, "broken", "SELECT n FROM no_such_table")
    config = own_config(write_config(folder, mariadb, schema))
    done = run_command(
        "check", "--log-level", "debug", "--format", "json", "--config", config
    )
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert json.loads(done.stdout)["exit_code"] == UNKNOWN
    assert [(one["event"], one["query"]) for one in events] == [
        ("run.failed", "broken"),
        ("run.finished", "fine"),
    ]
    assert (events[0]["reason"], events[0]["code"]) == ("schema_missing", 1146)
    console = run_command(
        "check", "--log-level", "debug", "--log-format", "console", "--config", config
    )
    assert "run.failed" in console.stderr
    assert not console.stderr.startswith("{")


def test_an_output_that_cannot_hold_every_character_still_gets_the_report(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    more = rule("Odd", "odd_rows", "critical").replace("of odd_rows", "× 漢字")
    query(folder, "odd", "SELECT 1 AS n", more=more)
    config = own_config(write_config(folder, mariadb, schema))
    done = run_command(
        "check", "--config", config, environ={"PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == CRITICAL
    assert "1 \\xd7 \\u6f22\\u5b57 on main" in done.stdout


def test_interrupted_it_stops_its_query_on_the_server_and_ends(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    query(folder, "slow", f"SELECT SLEEP(50) AS n, '{schema}' AS mine", timeout="55s")
    config = own_config(write_config(folder, mariadb, schema))

    def is_running() -> bool:
        with mariadb.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM information_schema.processlist WHERE db = %s AND info LIKE 'SELECT SLEEP%%'",
                (schema,),
            )
            return cursor.fetchone() is not None

    process = subprocess.Popen(
        [sys.executable, "-m", "monitor", "check", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(is_running, why="the query runs")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "Traceback" not in out + err
    wait_until(lambda: not is_running(), why="the query is stopped")


# --- check --schema


def rows_read(server: PrivateServer, schema: str) -> int:
    statement = (
        "SELECT SUM(rows_read) FROM information_schema.table_statistics WHERE table_schema = %s"
        if isinstance(server, PrivateMariaDB)
        else "SELECT SUM(count_fetch) FROM performance_schema.table_io_waits_summary_by_table"
        " WHERE object_schema = %s"
    )
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement, (schema,))
        row = cursor.fetchone()
    return int((row and row[0]) or 0)


def test_the_schema_preflight_of_a_healthy_system_is_ok_and_reads_no_more_than_the_end_of_an_index(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    token_system(server, server_schema)
    config = str(write_config(folder, server, server_schema))
    if isinstance(server, PrivateMariaDB):
        execute(server, server_schema, "SET GLOBAL userstat = 1")
    before = rows_read(server, server_schema)
    done = run_command("check", "--schema", "--config", config)
    assert (done.returncode, done.stderr) == (OK, "")
    assert re.search(
        r"^OK +main +balances +\d+ ms +finds its tables and columns$", done.stdout, re.M
    )
    # For each of five cursors the lowest and the highest id, for whether it can read by it, and what the optimizer
    # itself looks up at the ends of indexes to plan its statement: five times in MySQL, less often in MariaDB. The
    # same for each of two sweeps, whose key is looked at for its type. And of each cursor the ten newest ids.
    ends = (5 + 2) * (2 + 2 if isinstance(server, PrivateMariaDB) else 2 + 5)
    assert rows_read(server, server_schema) <= before + ends + 5 * 10
    assert run_command("check", "--config", config).returncode == OK
    assert rows_read(server, server_schema) > before + 100


def test_the_schema_preflight_names_each_query_that_would_fail_and_what_is_missing(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    token_system(server, server_schema)
    execute(server, server_schema, "ALTER TABLE token_usage_history DROP COLUMN action")
    # its needs are derived; of a whole table only the server can know
    query(folder, "own", "-- whom\nSELECT COUNT(nickname) AS n FROM users")
    query(folder, "own_table", "SELECT COUNT(*) AS n FROM sessions")
    config = write_config(folder, server, server_schema)
    config.write_text('query_dirs = ["queries"]\n' + config.read_text())
    code, document = checked_json("--schema", "--config", str(config))
    reported = {
        finding["labels"]["query"]: finding["annotations"]["summary"]
        for one in document["checks"]
        for finding in one["findings"]
        if finding["alertname"] == "QueryWouldFail"
    }
    assert code == CRITICAL
    assert document["counts"]["failed"] == document["counts"]["blocked"] == 0
    assert {"last_rows", "recent_usage", "own", "own_table"} <= set(reported)
    assert "balances" not in reported
    assert (
        reported["last_rows"]
        == "query last_rows cannot run on main: token_usage_history.action is missing"
    )
    assert reported["own"] == "query own cannot run on main: users.nickname is missing"
    assert reported["own_table"] == (
        f"query own_table cannot run on main: Table '{server_schema}.sessions' doesn't exist"
    )
    done = run_command("check", "--schema", "--config", str(config))
    assert done.returncode == CRITICAL
    assert re.search(
        r"^CRITICAL +main +own +- +cannot run without users.nickname$",
        done.stdout,
        re.M,
    )
    assert re.search(
        r"^CRITICAL +main +last_rows +- +cannot run without token_usage_history.action$",
        done.stdout,
        re.M,
    )


def test_the_schema_preflight_asks_each_server_about_its_own_variant(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    execute(server, server_schema, "CREATE TABLE here (n INT)")
    query(folder, "varied", "SELECT COUNT(*) AS n FROM neither")
    (folder / "queries/varied.mariadb.sql").write_text("SELECT COUNT(*) AS n FROM here")
    (folder / "queries/varied.mysql.sql").write_text(
        "SELECT COUNT(absent) AS n FROM here"
    )
    config = own_config(write_config(folder, server, server_schema))
    code, document = checked_json("--schema", "--config", config)
    if isinstance(server, PrivateMariaDB):
        assert (code, document["checks"][0]["findings"]) == (OK, [])
    else:
        assert code == CRITICAL
        assert "Unknown column 'absent'" in document["checks"][0]["message"]


def test_the_schema_preflight_takes_show_ctes_views_percents_and_comments_as_they_come(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    user = f"{server_schema}_reader"
    execute(
        server,
        server_schema,
        "CREATE TABLE hidden (n INT)",
        "CREATE VIEW shown AS SELECT n FROM hidden",
        f"CREATE USER {user}@localhost",
        # no SHOW VIEW: such an account may read the view, and not see its plan
        f"GRANT SELECT ON {server_schema}.shown TO {user}@localhost",
    )
    query(folder, "a_show", "/* all */ -- of them\n# here\nSHOW TABLES")
    query(
        folder,
        "a_view",
        "WITH v AS (SELECT n FROM shown) SELECT COUNT(*) AS n FROM v WHERE n LIKE '5%' -- end",
    )
    config = own_config(
        write_config(folder, server, server_schema, target={"user": user})
    )
    code, document = checked_json("--schema", "--config", config)
    execute(
        server,
        server_schema,
        "CREATE OR REPLACE VIEW shown AS SELECT n AS m FROM hidden",
    )
    changed, after = checked_json("--schema", "--config", config)
    execute(server, server_schema, f"DROP USER {user}@localhost")
    assert (code, status_of(document)) == (OK, {"a_show": "ok", "a_view": "ok"})
    assert (changed, status_of(after)) == (
        CRITICAL,
        {"a_show": "ok", "a_view": "critical"},
    )


def test_the_schema_preflight_warns_of_evidence_that_would_fail(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    execute(mariadb, schema, "CREATE TABLE articles (id INT, lang VARCHAR(8))")
    query(
        folder,
        "stuck",
        "SELECT lang AS lang, COUNT(*) AS n FROM articles GROUP BY lang",
        more="""
            [metrics.stuck_articles]
            help = "stuck"
            labels = ["lang"]
            value = "n"
            [rules.Stuck]
            metric = "stuck_articles"
            above = 0
            severity = "critical"
            summary = "{value}"
            evidence = "SELECT id AS id, author AS author FROM articles WHERE lang = :lang LIMIT 10"
            """,
    )
    done = run_command(
        "check",
        "--schema",
        "--config",
        own_config(write_config(folder, mariadb, schema)),
    )
    assert done.returncode == WARNING
    assert (
        "EvidenceWouldFail: Stuck would come without evidence: schema_missing: Unknown column 'author'"
        in done.stdout
    )


def test_the_schema_preflight_of_a_database_that_is_down_is_unknown(
    mariadb: PrivateMariaDB, folder: Path
) -> None:
    config = write_config(
        folder, mariadb, "app", target={"unix_socket": str(folder / "nobody.sock")}
    )
    code, document = checked_json("--schema", "--config", str(config))
    assert code == UNKNOWN
    assert {one["reason"] for one in document["checks"]} == {"target_down"}
