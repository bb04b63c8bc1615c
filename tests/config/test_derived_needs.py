from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.config import Outside, load
from monitor.config.queries.deriving import (
    CACHE,
    Derived,
    DeriveNeeds,
    Statements,
    derive_needs,
)
from monitor.model.settings import Config
from monitor.notify.kinds import KINDS
from tests.config.folder import TARGET, Folder, query_of

OWN = """
summary = "Own"
[metrics.token_own]
help = "Own"
value = "x"
"""
SQL = "SELECT COUNT(u.seen_at) AS x FROM users u\n"
STATE = '[state]\ndirectory = "state"\n'


def loaded(folder: Folder, derive: DeriveNeeds, head: str = "") -> Config:
    path = folder.path / "config.toml"
    path.write_text(f'query_dirs = ["q"]\n{head}{TARGET}{STATE}')
    return load(path, {}, KINDS, Outside(derive=derive))


def needs(config: Config, name: str = "own") -> list[str]:
    return [str(column) for column in query_of(config, name).needs]


def notices_of_needs(config: Config) -> list[str]:
    return [notice for notice in config.notices if "needs" in notice]


class Asked:
    """Stands in for the child process: keeps what it is asked for."""

    def __init__(self, derived: Derived) -> None:
        self.derived = derived
        self.statements: dict[str, list[str]] = {}

    def __call__(self, directory: Path, statements: Statements) -> dict[str, Derived]:
        for name, texts in statements.items():
            self.statements[name] = list(texts)
        return dict.fromkeys(statements, self.derived)


def test_an_own_query_needs_what_its_sql_reads(folder: Folder) -> None:
    folder.query("own", OWN, SQL)
    config = loaded(folder, derive_needs)
    assert needs(config) == ["users.seen_at"]
    assert needs(config, "last_usage") == ["token_usage_history.created_at"]
    assert notices_of_needs(config) == []


def test_what_no_server_can_do_without_counts_and_evidence_does_not(
    folder: Folder,
) -> None:
    evidence = '[rules.OwnRule]\nmetric = "token_own"\nabove = 0\nseverity = "info"\n'
    evidence += 'summary = "x"\nevidence = "SELECT u.name FROM users u LIMIT 1"\n'
    folder.query("own", OWN + evidence, SQL)
    (folder.path / "q/own.mysql.sql").write_text(
        "SELECT u.other AS x FROM users u WHERE u.seen_at > 0\n"
    )
    assert needs(loaded(folder, derive_needs)) == ["users.seen_at"]
    (folder.path / "q/own.mariadb.sql").write_text("SELECT u.other AS x FROM users u")
    assert needs(loaded(folder, derive_needs)) == ["users.other"]


def test_what_is_listed_has_the_word(folder: Folder) -> None:
    folder.query("own", 'needs = ["users.id"]\n' + OWN, SQL)
    folder.query("none", "needs = []\n" + OWN.replace("token_own", "token_none"), SQL)
    asked = Asked(Derived())
    config = loaded(folder, asked)
    assert (needs(config), needs(config, "none")) == (["users.id"], [])
    assert asked.statements == {}
    overridden = loaded(folder, asked, '[queries.last_usage]\nneeds = ["users.id"]\n')
    assert needs(overridden, "last_usage") == ["users.id"]


def test_nobody_is_asked_where_no_table_is_read(folder: Folder) -> None:
    folder.query("own", OWN, "SELECT 1 AS x\n")
    asked = Asked(Derived())
    loaded(folder, asked)
    assert asked.statements == {}


def test_what_cannot_be_told_is_asked_for_by_name(folder: Folder) -> None:
    folder.query("own", OWN, "SELECT x FROM t PROCEDURE ANALYSE()\n")
    config = loaded(folder, derive_needs)
    assert needs(config) == []
    (notice,) = notices_of_needs(config)
    assert notice.startswith('query "own": what it needs cannot be told from its SQL (')
    assert notice.endswith(
        'list it in own.toml: needs = ["table.column"], or needs = [] for nothing'
    )


def test_a_statement_that_the_parser_fails_at_leaves_the_others_their_needs(
    folder: Folder,
) -> None:
    folder.query("own", OWN, SQL)
    odd = OWN.replace("token_own", "token_odd")
    folder.query("odd", odd, "SELECT x FROM TABLE(DATE_SUB(b 1)) y\n")
    rows = OWN.replace("token_own", "token_rows")
    sql = "SELECT u.x FROM (VALUES (1), (2)) v(n) JOIN users u ON u.id = v.n\n"
    folder.query("rows", rows, sql)
    config = loaded(folder, derive_needs)
    assert needs(config) == ["users.seen_at"]
    assert needs(config, "rows") == ["users.id", "users.x"]
    (notice,) = notices_of_needs(config)
    assert notice.startswith('query "odd": what it needs cannot be told')


def test_what_was_derived_is_kept_until_the_statement_changes(folder: Folder) -> None:
    (folder.path / "state").mkdir()
    folder.query("own", OWN, SQL)
    folder.query("second", OWN.replace("token_own", "token_second"), SQL)
    loaded(folder, derive_needs)
    cache = folder.path / "state" / CACHE
    kept = json.loads(cache.read_text())
    assert [one["needs"] for one in kept.values()] == [["users.seen_at"]] * 2
    assert cache.stat().st_mode & 0o777 == 0o600
    # what is kept is believed, so no process was asked
    changed = {key: {"needs": ["users.kept"], "fault": ""} for key in kept}
    cache.write_text(json.dumps(changed))
    assert needs(loaded(folder, derive_needs)) == ["users.kept"]
    folder.query("own", OWN, SQL.replace("seen_at", "born_at"))
    config = loaded(folder, derive_needs)
    assert needs(config) == ["users.born_at"]
    assert needs(config, "second") == ["users.kept"]
    assert len(json.loads(cache.read_text())) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": {"needs": 1}}'])
def test_a_file_of_kept_needs_that_is_broken_is_made_again(
    folder: Folder, content: str
) -> None:
    (folder.path / "state").mkdir()
    (folder.path / "state" / CACHE).write_text(content)
    folder.query("own", OWN, SQL)
    assert needs(loaded(folder, derive_needs)) == ["users.seen_at"]


def test_without_the_parser_needs_are_asked_for(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocker = folder.path / "without" / "sqlglot"
    blocker.mkdir(parents=True)
    (blocker / "__init__.py").write_text("raise ImportError('no parser here')")
    monkeypatch.setenv("PYTHONPATH", str(blocker.parent))
    folder.query("own", OWN, SQL)
    (notice,) = notices_of_needs(loaded(folder, derive_needs))
    assert "exit code 1: ImportError: no parser here" in notice


@pytest.mark.parametrize(
    ("items", "sql", "needed"),
    [
        (
            'sql = "SELECT t.schema_name AS name FROM tenants t ORDER BY t.id LIMIT 50;"',
            "SELECT COUNT(*) AS x FROM {name}.orders o WHERE o.late = 1 LIMIT 1",
            ["tenants.id", "tenants.schema_name"],
        ),
        (
            'sql = "SHOW DATABASES"\nname = "Database"',
            "SELECT COUNT(*) AS x FROM plans p WHERE p.name = :Database",
            ["plans.name"],
        ),
        (
            'items = [{ name = "orders" }]',
            "WITH late AS (SELECT o.id FROM {name} o) SELECT COUNT(l.id) AS x FROM late l",
            [],
        ),
    ],
)
def test_a_table_that_only_an_item_names_is_needed_nowhere(
    folder: Folder, items: str, sql: str, needed: list[str]
) -> None:
    folder.query("own", f"{OWN}[for_each]\n{items}\n", sql)
    config = loaded(folder, derive_needs)
    assert needs(config) == needed
    assert notices_of_needs(config) == []
