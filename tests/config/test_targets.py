"""Targets: how they are reached, which queries run there, in which time zone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.config import load
from monitor.model.targets import PasswordSource, Tls
from monitor.notify.kinds import KINDS
from tests.config.folder import (
    TARGET,
    Folder,
    query_of,
)


@pytest.mark.parametrize(
    ("address", "mode"),
    [
        ('host = "localhost"', "disabled"),
        ('host = "127.8.8.8"', "disabled"),
        ('host = "::1"', "disabled"),
        ('unix_socket = "/s"', "disabled"),
        ('host = "10.0.0.1"', "verify_identity"),
        ('host = "localhost.example.com"', "verify_identity"),
        ('host = "localhost"\ntls = { mode = "required" }', "required"),
        ('host = "db.example.com"\ntls = { mode = "disabled" }', "disabled"),
    ],
)
def test_tls_is_on_beyond_this_machine(folder: Folder, address: str, mode: str) -> None:
    config = folder.load(
        f'[targets.t]\nuser = "u"\ndatabase = "d"\npassword_env = "P"\n{address}\n'
    )
    assert config.targets[0].tls.mode == mode
    assert config.targets[0].password == PasswordSource(env="P")


def test_the_key_of_a_server_without_tls_is_kept(folder: Folder) -> None:
    config = folder.load(
        TARGET + 'tls = { mode = "disabled", public_key_file = "server.pem" }\n'
    )
    assert config.targets[0].tls == Tls(
        "disabled", public_key_file=folder.path / "server.pem"
    )


def test_a_replica_may_lag_as_it_likes_and_what_is_over_be_forgotten_at_once(
    folder: Folder,
) -> None:
    config = folder.load(TARGET + 'max_replica_lag = "0s"\n[state]\nretention = "0s"\n')
    assert config.targets[0].max_replica_lag == timedelta(0)
    assert config.state.retention == timedelta(0)


def test_queries_are_chosen_by_patterns(folder: Folder) -> None:
    for name in ("usage_hour", "usage_day", "balances", "schema"):
        folder.query(name, 'summary = "x"')
    config = folder.load(
        TARGET + 'queries = ["usage_*", "schema"]\nexcept = ["*_day"]\n'
    )
    assert [job.query.name for job in config.jobs] == ["schema", "usage_hour"]


def test_a_missing_password_file_or_variable_is_no_problem_of_the_files(
    folder: Folder,
) -> None:
    folder.load(TARGET + 'password_file = "nowhere/at/all"\n')
    folder.load(TARGET + 'password_env = "NOT_SET_ANYWHERE"\n')


def test_own_queries_run_in_the_targets_time_zone_and_shipped_ones_in_utc(
    folder: Folder,
) -> None:
    metric = 'summary = "s"\n[metrics.own_x]\nhelp = "h"\nvalue = "x"\n'
    folder.query(
        "own", metric, sql="SELECT COUNT(*) AS x FROM users WHERE at < NOW()\n"
    )
    path = folder.path / "config.toml"
    path.write_text('query_dirs = ["q"]\n' + TARGET + 'time_zone = "+5:30"\n')
    config = load(path, {}, KINDS)
    own = query_of(config, "own")
    assert (own.time_zone, own.local_time) == ("+05:30", ("NOW()",))
    assert {job.query.time_zone for job in config.jobs if job.query.shipped} == {
        "+00:00"
    }
    assert config.targets[0].time_zone == "+05:30"


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("server", "server"),
        ("SYSTEM", "server"),
        ("UTC", "+00:00"),
        ("Europe/Oslo", "Europe/Oslo"),
    ],
)
def test_a_time_zone_is_kept_as_the_servers_take_it(
    folder: Folder, text: str, zone: str
) -> None:
    assert folder.load(TARGET + f'time_zone = "{text}"\n').targets[0].time_zone == zone
