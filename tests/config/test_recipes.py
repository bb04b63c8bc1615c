"""`recipes`: queries of the cookbook by name, as if their files stood in a folder of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import load
from monitor.config.recipes import recipe_names
from monitor.notify.kinds import KINDS
from tests.config.folder import TARGET, Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_those_run_that_are_named_beside_what_else_there_is(folder: Folder) -> None:
    folder.query("own", 'summary = "s"')
    config = folder.load(f'recipes = ["needed_columns", "deadlocks"]\n{TARGET}')
    names = [job.query.name for job in config.jobs]
    assert sorted(names) == ["deadlocks", "needed_columns", "own"]
    assert not any("recipe" in notice for notice in config.notices)


def test_all_of_them_run_together_and_with_the_shipped_ones(tmp_path: Path) -> None:
    names = ", ".join(
        f'"{name}"' for name in recipe_names() if name != "needed_columns"
    )
    path = tmp_path / "config.toml"
    path.write_text(f"recipes = [{names}]\n{TARGET}")
    config = load(path, {}, KINDS)
    run = {job.query.name for job in config.jobs}
    assert {*recipe_names()} - {"needed_columns"} <= run
    assert "missing_columns" in run


def test_its_parameters_and_rules_are_set_as_those_of_any_query(folder: Folder) -> None:
    config = folder.load(
        'recipes = ["laravel_jobs"]\n'
        f"{TARGET}[targets.main.parameters]\nmax_wait = 1800\n"
        '[rules.LaravelJobsWait]\nseverity = "info"\n'
    )
    (job,) = config.jobs
    assert job.query.parameters["max_wait"] == 1800
    (rule,) = [one for one in job.query.rules if one.name == "LaravelJobsWait"]
    assert rule.severity == "info"


def test_a_query_of_ones_own_takes_its_place_and_the_log_says_so(
    folder: Folder,
) -> None:
    folder.query("deadlocks", 'summary = "mine"')
    config = folder.load(f'recipes = ["deadlocks"]\n{TARGET}')
    (job,) = config.jobs
    assert job.query.summary == "mine"
    assert 'query "deadlocks" of q replaces that of the cookbook' in config.notices


def test_a_name_that_is_no_recipe_comes_with_the_one_that_is_meant(
    folder: Folder,
) -> None:
    (problem,) = folder.problems(f'recipes = ["deadlocks", "replicaton_lag"]\n{TARGET}')
    assert problem.endswith(
        'recipes[1]: there is no recipe "replicaton_lag"; did you mean "replication_lag"?'
    )
