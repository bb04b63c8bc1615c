"""What differs between the kinds of server, as a table; that a kind has one, the type checker says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.database.dialect import dialect_of, flavor_of, session_variables
from monitor.model.settings import Flavor


@pytest.mark.parametrize(
    ("version", "comment", "flavor"),
    [
        ("10.11.6-MariaDB-0+deb12u1", "Debian 12", Flavor.MARIADB),
        ("5.5.5-10.11.6-MariaDB", "", Flavor.MARIADB),
        ("11.4.2", "mariadb.org binary distribution", Flavor.MARIADB),
        ("9.0.1", "MySQL Community Server - GPL", Flavor.MYSQL),
        ("8.0.34-26", "Percona Server (GPL), Release 26", Flavor.MYSQL),
        ("8.0.28-vitess", "", Flavor.MYSQL),
        ("", "", Flavor.MYSQL),
    ],
)
def test_a_server_is_known_by_its_version_or_its_comment(
    version: str, comment: str, flavor: Flavor
) -> None:
    assert flavor_of(version, comment) is flavor


@pytest.mark.parametrize(
    ("seconds", "mariadb", "mysql"),
    [
        (10, "max_statement_time = 10.000", "max_execution_time = 10000"),
        (0.25, "max_statement_time = 0.250", "max_execution_time = 250"),
        # 0 would be no limit at all
        (0, "max_statement_time = 0.001", "max_execution_time = 1"),
    ],
)
def test_the_servers_own_limit_is_never_none(
    seconds: float, mariadb: str, mysql: str
) -> None:
    limit = timedelta(seconds=seconds)
    assert dialect_of(Flavor.MARIADB).statement_limit(limit) == mariadb
    assert dialect_of(Flavor.MYSQL).statement_limit(limit) == mysql


@pytest.mark.parametrize("flavor", Flavor)
def test_each_kind_of_server_states_its_limits_and_names_no_variable_twice(
    flavor: Flavor,
) -> None:
    variables = session_variables(flavor, "10.11.6")
    names = [variable.name for variable in variables]
    assert len(names) == len(set(names))
    limits = {variable.limit for variable in variables}
    assert limits == {"", "lock", "statement", "read_only"}
    assert dialect_of(flavor).limit_variable in names
