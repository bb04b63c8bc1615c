"""What servers say in their errors, and what stands in rows: nothing personal is shown, nothing is markup."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, webhook, write_config
from tests.acceptance.program import Daemon, Hook, running, wait_until
from tests.notify.far_end import far_end
from tests.support.hanging import hanging
from tests.web.browser import a_browser

FAST = 'summary = "x"\ninterval = "500ms"\ntimeout = "450ms"\n'
SELDOM = 'summary = "x"\ninterval = "5m"\ntimeout = "50s"\n'
"""It runs at the start, however slow the machine is, and never again."""
PERSON = (
    "Anna O'Brien",
    "Maier",
    "anna.maier@example.com",
    "s3cret-parameter",
    "4711-0815",
)

# Each makes a real server say something of a row, or of the statement, in its error.
TELLTALES = {
    "xpath": "SELECT EXTRACTVALUE('<a/>', CONCAT('(', email)) AS n FROM people",
    "duplicate": "SELECT told_of_duplicate() AS n",
    "truncated": "SELECT told_of_number() AS n",
    "incorrect": "SELECT told_of_column() AS n",
    "syntax": "SELECT 1 AS n FROM people WHERE name == 'Anna O''Brien' AND phone = '4711-0815'",
    "parameter": "SELECT EXTRACTVALUE('<a/>', CONCAT('(', :secret)) AS n",
}
SIGNALS = {
    "told_of_duplicate": (
        1062,
        "CONCAT('Duplicate entry ''', name, '-', email, ''' for key ''who''')",
    ),
    "told_of_number": (
        1292,
        "CONCAT('Truncated incorrect DOUBLE value: ''', email, '''')",
    ),
    "told_of_column": (
        1366,
        "CONCAT('Incorrect integer value: ''', name, ''' for column `a`.`b`.`c` at row 1')",
    ),
}


def people(mariadb: PrivateMariaDB, schema: str) -> None:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE people (name TEXT, email TEXT, phone TEXT)")
        row = ("Anna O'Brien Maier", "anna.maier@example.com", "4711-0815")
        cursor.execute("INSERT INTO people VALUES (%s, %s, %s)", row)
        for name, (code, text) in SIGNALS.items():
            cursor.execute(
                f"CREATE FUNCTION {name}() RETURNS INT READS SQL DATA BEGIN DECLARE said TEXT;"
                f" SELECT {text} INTO said FROM people; SIGNAL SQLSTATE '22007'"
                f" SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = said; RETURN 1; END"
            )


def queries_that_fail(hook: Hook) -> set[str]:
    """Name the queries of which the receiver heard that they fail."""
    alerts = [alert["labels"] for body in list(hook.bodies) for alert in body["alerts"]]
    return {
        labels["query"]
        for labels in alerts
        if labels["alertname"] == "TokenMonitorQueryFailing"
    }


def shown_by(daemon: Daemon) -> dict[str, str]:
    """Return everything that is shown to whoever asks, and what was logged."""
    paths = (
        "/",
        "/metrics",
        *(f"/api/v1/{name}" for name in ("alerts", "rules", "history", "queries")),
    )
    return {
        **{path: daemon.get(path)[1] for path in paths},
        "the log": "\n".join(daemon.raw),
    }


def test_nothing_of_rows_literals_or_parameters_is_shown_by_errors(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    people(mariadb, schema)
    for name, sql in TELLTALES.items():
        parameters = (
            '[parameters]\nsecret = "s3cret-parameter"\n' if ":secret" in sql else ""
        )
        two_files(folder, name, sql=sql, toml=FAST + parameters)
    failing = '[rules.TokenMonitorQueryFailing]\nfor = "0s"\nabove = 0\n'
    config = write_config(
        folder, mariadb, schema, extra=f"{webhook(hook.url)}\n{failing}"
    )
    with running(only_ours(config)) as daemon:
        for name in TELLTALES:
            failed = daemon.wait_for(
                "run.failed", query=name, reason="query_error", seconds=60
            )
            assert failed["code"] in (1064, 1105, 1062, 1292, 1366)
        wait_until(
            lambda: queries_that_fail(hook) >= TELLTALES.keys(),
            seconds=60,
            why="each is told",
        )
        shown = shown_by(daemon) | {"the webhook": repr(hook.bodies)}
    shown["the state"] = b"".join(
        path.read_bytes() for path in (folder / "state").iterdir()
    ).decode("latin-1")
    found = [
        (where, word)
        for where, text in shown.items()
        for word in PERSON
        if word in text
    ]
    assert found == []


def test_no_statement_password_header_or_evidence_is_shown_to_whoever_asks(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    people(mariadb, schema)
    rule = (
        '[rules.{0}]\nmetric = "{0}"\nabove = 0\nseverity = "critical"\nsummary = "x"\n'
    )
    toml = SELDOM + '[metrics.found]\nhelp = "x"\nvalue = "n"\n'
    toml += rule.format("found").replace(".found", ".Found")
    evidence = '[evidence]\nsql = "SELECT 987654321 AS user_id FROM people LIMIT 10"\n'
    sql = "SELECT COUNT(*) AS n FROM people WHERE name <> 'a-literal-of-ours'"
    two_files(folder, "found", sql=sql, toml=toml + evidence)
    (folder / "password").write_text("the-passw0rd\n")
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"CREATE USER 'watcher_{schema}'@'%' IDENTIFIED BY 'the-passw0rd'"
        )
        cursor.execute(f"GRANT SELECT ON {schema}.* TO 'watcher_{schema}'@'%'")
    extra = (
        webhook(hook.url + "/hook-s3cret")
        + '\nheaders = { Authorization = "Bearer header-s3cret" }'
    )
    target = {"user": f"watcher_{schema}", "password_file": str(folder / "password")}
    config = write_config(folder, mariadb, schema, extra=extra, target=target)
    try:
        with running(only_ours(config)) as daemon:
            fired = daemon.wait_for("alert.fired", alertname="Found")
            assert fired["evidence"] == [
                {"user_id": 987654321}
            ]  # the log and receivers have it
            hook.wait_for("firing", "Found")
            shown = shown_by(daemon)
    finally:
        with mariadb.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP USER 'watcher_{schema}'@'%'")
    log = shown.pop("the log")
    private = (
        "the-passw0rd",
        "hook-s3cret",
        "header-s3cret",
        "a-literal-of-ours",
        "FROM people",
    )
    assert [word for word in private if word in log] == []
    found = [
        (where, word)
        for where, text in shown.items()
        for word in (*private, "987654321")
        if word in text
    ]
    assert found == []


def test_a_secret_is_hidden_from_when_it_is_read_and_what_is_none_is_shown(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    user, address, password = (
        f"rotated_{schema}",
        folder / "address",
        folder / "password",
    )
    password.write_text("the-first-passw0rd\n")
    execute(
        mariadb,
        schema,
        "CREATE TABLE said (what VARCHAR(80))",
        f"CREATE USER '{user}'@'%' IDENTIFIED BY 'the-first-passw0rd'",
        f"GRANT SELECT ON {schema}.* TO '{user}'@'%'",
    )
    two_files(folder, "said", sql="SELECT what, 1 AS n FROM said", toml=FAST + SAID)
    headers = 'headers = { X-Team = "tokens", X-Api-Key = "k3y-of-ours" }'
    beat = f'[heartbeat]\nurl_file = "{address}"\ninterval = "500ms"\ntimeout = "400ms"'
    config = write_config(
        folder,
        mariadb,
        schema,
        extra=f"{webhook(hook.url)}\n{headers}\n{beat}",
        target={"user": user, "password_file": str(password)},
    )
    try:
        with far_end() as far, running(only_ours(config)) as daemon:
            for token in ("first-t0ken", "second-t0ken"):
                address.write_text(f"{far.url}/ping/{token}\n")
                path = f"/ping/{token}"
                wait_until(
                    lambda path=path: path in {one.path for one in far.requests},  # type: ignore[misc]
                    seconds=60,
                )
            password.write_text("the-second-passw0rd\n")
            execute(
                mariadb,
                schema,
                f"ALTER USER '{user}'@'%' IDENTIFIED BY 'the-second-passw0rd'",
                f"KILL USER '{user}'",
                "INSERT INTO said VALUES ('users.tokens_remaining'), ('k3y-of-ours'), ('first-t0ken'),"
                " ('second-t0ken'), ('the-first-passw0rd'), ('the-second-passw0rd')",
            )
            wait_until(
                lambda: len(daemon.seen("alert.fired", alertname="Said")) == 6,
                seconds=60,
            )
            shown = sorted(
                one["labels"]["what"]
                for one in daemon.seen("alert.fired", alertname="Said")
            )
    finally:
        execute(mariadb, schema, f"DROP USER '{user}'@'%'")
    assert shown == [*["<secret>"] * 5, "users.tokens_remaining"]


def test_a_secret_on_a_disk_that_hangs_loses_its_own_target_with_the_cause_and_holds_up_nothing_else(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    (folder / "password").write_text("\n")  # root has none
    execute(mariadb, schema, "CREATE TABLE said (what VARCHAR(80))")
    two_files(folder, "said", sql="SELECT what, 1 AS n FROM said", toml=FAST + SAID)
    other = f'[targets.other]\nunix_socket = "{mariadb.socket}"\nuser = "root"\ndatabase = "{schema}"'
    config = write_config(
        folder, mariadb, schema, extra=f'{other}\npassword_file = "{folder}/password"'
    )
    with ExitStack() as hang:
        is_waited_for = hang.enter_context(hanging(folder / "password"))
        with running(only_ours(config)) as daemon:
            daemon.wait_for("monitor.started")
            wait_until(is_waited_for)
            daemon.signal(signal.SIGHUP)
            daemon.wait_for("config.reloaded")
            lost = daemon.wait_for("target.lost", target="other")
            assert (lost["reason"], lost["detail"]) == ("access_denied", "password")
            assert "its disk" in lost["message"]
            assert daemon.get("/-/healthy")[0] == 200
            execute(mariadb, schema, "INSERT INTO said VALUES ('something')")
            daemon.wait_for("alert.fired", alertname="Said", target="main")
            assert not daemon.seen("alert.fired", alertname="Said", target="other")
            hang.close()
            daemon.wait_for("target.recovered", target="other", seconds=60)
            daemon.wait_for("alert.fired", alertname="Said", target="other", seconds=60)


SAID = """
[metrics.said]
help = "x"
labels = ["what"]
value = "n"
[rules.Said]
metric = "said"
above = 0
severity = "critical"
summary = "x"
"""


def execute(mariadb: PrivateMariaDB, schema: str, *statements: str) -> None:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


HOSTILE = {
    "script": "<script>document.title = 'PWNED'</script>",
    "image": '"><img src=x onerror="document.title=\'PWNED\'">',
    "style": "</style></title><svg onload=\"document.title='PWNED'\">",
    "direction": "\u202egpj.exe\u202c \u2066x",
    "control": "a\x00b\x07c\x1b[31md\x7f",
    "template": "{{ 7 * 191 }} {% raw %}",
    "long": "x" * 1_000,
}


def test_hostile_text_of_a_database_is_text_in_the_page_the_api_and_the_metrics(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE hostile (name VARCHAR(20), said LONGTEXT) CHARACTER SET utf8mb4"
        )
        for name, text in HOSTILE.items():
            cursor.execute("INSERT INTO hostile VALUES (%s, %s)", (name, text))
    toml = (
        SELDOM
        + '[metrics.hostile]\nhelp = "x"\nlabels = ["name", "said"]\nvalue = "n"\n'
        '[rules.Hostile]\nmetric = "hostile"\nabove = 0\nseverity = "critical"\nsummary = "{said}"\n'
        'description = "{name}: {said}"\n'
    )
    two_files(
        folder, "hostile", sql="SELECT name, said, 1 AS n FROM hostile", toml=toml
    )
    config = write_config(folder, mariadb, schema, extra=webhook(hook.url))
    with running(only_ours(config)) as daemon:
        wait_until(
            lambda: (
                len(daemon.seen("alert.fired", alertname="Hostile")) == len(HOSTILE)
            ),
            seconds=60,
        )
        status, page = daemon.get("/")
        assert status == 200
        assert page.count("<script") == page.count('<script src="static/page.js?') == 1
        assert "<img" not in page
        assert "<svg" not in page
        assert "1337" not in page
        assert len(page) < 50_000  # of a book nobody reads more
        assert not [mark for mark in "\x00\x07\x1b\x7f\u202e\u2066" if mark in page]
        reported = json.loads(daemon.get("/api/v1/alerts")[1])["data"]["alerts"]
        assert {
            one["labels"]["said"] for one in reported if "said" in one["labels"]
        } == {*HOSTILE.values()}
        scraped = text_string_to_metric_families(daemon.get("/metrics")[1])
        (family,) = (one for one in scraped if one.name == "hostile")
        assert {sample.labels["said"] for sample in family.samples} == {
            *HOSTILE.values()
        }
        with a_browser() as browser:
            host, port = daemon.address
            opened = browser.open(f"http://{host}:{port}/")
            dumped = opened.ask("document.documentElement.outerHTML")
            assert opened.complaints() == []
    assert "PWNED" in dumped  # as text
    assert "<title>PWNED" not in dumped
    assert f", and {len(HOSTILE) - 1} more, for" in dumped
