"""`[contract]`: the application's source as a part of the configuration, read by a real child process."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.config import Outside, load
from monitor.config.contract_reading import CACHE, ContractReader
from monitor.config.source_files import ENDINGS, mark_of
from monitor.contract.languages import LANGUAGES
from monitor.model.application import Contract
from monitor.model.contract import ApplicationReading
from monitor.model.errors import ConfigError
from monitor.model.schedules import Every
from monitor.model.settings import Config
from monitor.notify.kinds import KINDS
from monitor.timing.durations import parse_duration
from tests.config.folder import TARGET, Folder, query_of

CODE = """
await db.query(`SELECT u.tokens_remaining FROM users u WHERE u.id = ${id}`);
await db.query("UPDATE orders SET total = ? WHERE id = ?", [total, id]);
"""
STATE = '[state]\ndirectory = "state"\n'
HEAD = '[contract]\napp_sql = ["app"]\n'


@dataclass
class Installation:
    """A configuration beside an application."""

    folder: Folder

    @property
    def app(self) -> Path:
        return self.folder.path / "app"

    @property
    def cache(self) -> Path:
        return self.folder.path / "state" / CACHE

    def write(self, code: str = CODE, name: str = "src/tokens.ts") -> None:
        path = self.app / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)

    def load(
        self, text: str = HEAD, head: str = "", known: Config | None = None
    ) -> Config:
        path = self.folder.path / "config.toml"
        path.write_text(f"{head}{TARGET}{text}{STATE}")
        reader = ContractReader(None if known is None else known.contract)
        return load(path, {}, KINDS, Outside(read_contract=reader.read))


@pytest.fixture
def installation(folder: Folder) -> Installation:
    installation = Installation(folder)
    installation.write()
    (folder.path / "state").mkdir()
    return installation


def contract_of(config: Config, target: str = "main") -> Contract:
    contract = query_of(config, "application_columns", target).contract
    assert contract is not None
    return contract


def reading_of(config: Config, database: str = "app") -> ApplicationReading:
    assert config.contract is not None
    return config.contract.readings[database]


def places(contract: Contract) -> list[str]:
    return [one.place.short for one in contract.application.statements]


def names(config: Config) -> set[str]:
    return {job.query.name for job in config.jobs}


def test_the_query_compares_what_the_source_says(installation: Installation) -> None:
    config = installation.load()
    assert places(contract_of(config)) == ["src/tokens.ts:2", "src/tokens.ts:3"]
    query = query_of(config, "application_columns")
    assert query.parameters["application_tables"] == "orders,users"
    assert query.parameters["application_pattern"] == "^$"
    assert query.schedule == Every(parse_duration("1m"))


def test_without_a_contract_the_query_is_not_there_and_nothing_is_said_of_it(
    installation: Installation,
) -> None:
    config = installation.load("")
    assert config.contract is None
    assert "application_columns" not in names(config)
    assert not any("application_columns" in notice for notice in config.notices)


def test_it_is_there_without_the_other_shipped_queries(
    installation: Installation,
) -> None:
    config = installation.load(head="shipped_queries = false\n")
    assert names(config) == {"application_columns"}
    assert contract_of(config).elsewhere == frozenset()


def test_its_interval_is_the_contracts_or_that_of_the_query_itself(
    installation: Installation,
) -> None:
    config = installation.load(HEAD + 'interval = "20s"\n')
    assert query_of(config, "application_columns").schedule == Every(
        parse_duration("20s")
    )
    own = HEAD + 'interval = "20s"\n[queries.application_columns]\ncron = "0 3 * * *"\n'
    schedule = query_of(installation.load(own), "application_columns").schedule
    assert not isinstance(schedule, Every)


def test_a_target_of_another_application_has_no_such_query(
    installation: Installation,
) -> None:
    other = TARGET.replace("targets.main", "targets.other") + "contract = false\n"
    config = installation.load(other + HEAD)
    on = {job.target.name for job in config.jobs if job.query.contract is not None}
    assert on == {"main"}


@pytest.mark.parametrize("text", ["contract = false\n", 'queries = ["balances"]\n'])
def test_a_contract_that_no_target_has_is_noticed(
    installation: Installation, text: str
) -> None:
    config = installation.load(text + HEAD)
    assert 'query "application_columns" runs on no target' in config.notices


def test_targets_whose_databases_differ_in_name_have_a_reading_each(
    installation: Installation,
) -> None:
    installation.write("q('SELECT app.users.gone, o.x FROM app.users, other.logs o')")
    other = TARGET.replace("targets.main", "targets.second").replace('"app"', '"other"')
    config = installation.load(other + HEAD)
    first, second = contract_of(config), contract_of(config, "second")
    assert first.application.tables == {"users"}
    assert second.application.tables == {"logs"}


def test_a_schema_query_is_told_where_the_application_names_its_columns(
    installation: Installation,
) -> None:
    config = installation.load()
    needs = json.loads(str(query_of(config, "missing_columns").parameters["needs"]))
    named = {f"{row['table']}.{row['column']}": row.get("application") for row in needs}
    assert named["users.tokens_remaining"] == "src/tokens.ts:2"
    assert named["users.id"] == "src/tokens.ts:2"
    assert named["user_subscriptions.is_active"] is None
    assert "orders.total" not in named
    told = {str(column) for column in contract_of(config).elsewhere}
    assert {"users.tokens_remaining", "token_usage_history.action"} <= told


def test_what_no_rule_of_a_schema_query_tells_is_told_by_the_contract(
    installation: Installation,
) -> None:
    off = HEAD + "[queries.missing_columns]\nenabled = false\n"
    assert contract_of(installation.load(off)).elsewhere == frozenset()


def test_what_was_read_is_kept_and_read_again_when_a_file_changes(
    installation: Installation,
) -> None:
    first = installation.load()
    assert json.loads(installation.cache.read_text())["readings"]["app"]["mark"]
    again = installation.load(known=first)
    assert reading_of(again) is reading_of(first)
    assert reading_of(installation.load()) == reading_of(first)
    installation.write("q('SELECT id FROM users')", "src/more.ts")
    assert places(contract_of(installation.load(known=first))) == [
        "src/more.ts:1",
        "src/tokens.ts:2",
        "src/tokens.ts:3",
    ]


@pytest.mark.parametrize("is_restart", [False, True])
def test_a_folder_that_vanished_leaves_what_was_read_last(
    installation: Installation, is_restart: bool
) -> None:
    first = installation.load()
    shutil.rmtree(installation.app)
    config = installation.load(known=None if is_restart else first)
    reading = reading_of(config)
    assert reading.application == reading_of(first).application
    assert reading.fault == f"{installation.app}: No such file or directory"
    assert contract_of(config).fault == ""
    # back again, as a deployment that swaps the folder leaves it
    installation.write("q('SELECT id FROM users')")
    back = installation.load(known=config)
    assert (reading_of(back).fault, places(contract_of(back))) == (
        "",
        ["src/tokens.ts:1"],
    )


def test_an_empty_folder_leaves_what_was_read_last(installation: Installation) -> None:
    first = installation.load()
    shutil.rmtree(installation.app / "src")
    reading = reading_of(installation.load(known=first))
    assert reading.application == reading_of(first).application
    assert reading.fault == f"no statement was found in {installation.app}"


def test_a_folder_that_was_never_there_is_no_data(installation: Installation) -> None:
    config = installation.load('[contract]\napp_sql = ["typo"]\n')
    contract = contract_of(config)
    assert contract.application.statements == ()
    assert (
        contract.fault
        == f"{installation.folder.path / 'typo'}: No such file or directory"
    )


def test_files_of_several_folders_say_which_one_they_are_in(
    installation: Installation,
) -> None:
    other = installation.folder.path / "worker"
    other.mkdir()
    (other / "jobs.py").write_text('q("SELECT id FROM jobs")')
    config = installation.load('[contract]\napp_sql = ["app", "worker"]\n')
    assert places(contract_of(config)) == [
        "app/src/tokens.ts:2",
        "app/src/tokens.ts:3",
        "worker/jobs.py:1",
    ]


def test_what_is_kept_of_other_folders_does_not_count(
    installation: Installation,
) -> None:
    installation.load()
    (installation.folder.path / "other").mkdir()
    reading = reading_of(installation.load('[contract]\napp_sql = ["other"]\n'))
    assert not reading.is_known


@pytest.mark.parametrize("content", ["", "[]", '{"key": 1}', "{"])
def test_a_kept_reading_that_is_none_is_read_again(
    installation: Installation, content: str
) -> None:
    first = installation.load()
    installation.cache.write_text(content)
    assert reading_of(installation.load()) == reading_of(first)


def test_the_mark_is_another_after_any_change(installation: Installation) -> None:
    marks = [mark_of([installation.app])]
    installation.write(CODE + "\n")
    marks.append(mark_of([installation.app]))
    installation.write("x", "src/other.js")
    marks.append(mark_of([installation.app]))
    shutil.rmtree(installation.app)
    marks.append(mark_of([installation.app]))
    assert len(set(marks)) == len(marks)
    assert mark_of([installation.app]) == marks[-1]


def test_what_is_not_a_file_or_has_an_odd_name_harms_nothing(
    installation: Installation,
) -> None:
    src = installation.app / "src"
    os.mkfifo(src / "pipe.ts")
    (src / "leads_nowhere.sql").symlink_to("nothing")
    (src / "folder.js").mkdir()
    odd = os.fsencode(src) + b"/\xff.ts"
    Path(os.fsdecode(odd)).write_text("q('SELECT id FROM users')")
    contract = contract_of(installation.load())
    assert places(contract) == ["src/tokens.ts:2", "src/tokens.ts:3", "src/?.ts:1"]


def test_what_may_hold_sql_are_scripts_and_the_languages_that_are_read() -> None:
    assert {".sql", *LANGUAGES} == ENDINGS


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[contract]\n", "contract.app_sql: is required"),
        ("[contract]\napp_sql = []\n", "contract.app_sql: is empty"),
        ('[contract]\napp_sql = "app"\n', "contract.app_sql: "),
        (HEAD + 'interval = "10ms"\n', "contract.interval: "),
        (HEAD + 'app_ignored = ["x"]\n', "contract.app_ignored: unknown key"),
        ('contract = "app"\n', "allowed: a table [contract]"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(
    installation: Installation, text: str, problem: str
) -> None:
    head = text if text.startswith("contract") else ""
    with pytest.raises(ConfigError) as caught:
        installation.load("" if head else text, head)
    assert any(problem in str(one) for one in caught.value.problems), caught.value
