"""Whoever reads the output, or nobody: exit codes stay what they mean, and nothing shows a trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import token_system, write_config


@pytest.fixture
def config(mariadb: PrivateMariaDB, schema: str, folder: Path) -> Path:
    token_system(mariadb, schema)
    return write_config(folder, mariadb, schema)


def shell(line: str, config: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash; $tm is the program, $c the config. Gives the exit code of the first command."""
    return subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
        env={**os.environ, "tm": f"{sys.executable} -m monitor", "c": str(config)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "line",
    [
        "$tm check --config $c 2>&-",
        "$tm check --config $c >&-",
        "$tm check --config $c <&- >&- 2>&-",
        "$tm check --config $c >/dev/full",
        "$tm check --config $c | true",
        "$tm check --config $c --format json | head -c 1",
        "$tm validate --config $c 2>&-",
        "$tm validate --config $c | true",
        "$tm query balances --config $c >&-",
        "$tm grants --config $c >&-",
    ],
)
def test_output_that_nobody_takes_changes_no_exit_code(line: str, config: Path) -> None:
    done = shell(line, config)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("output", ["2>&-", ">&-", "| true", ">/dev/full"])
def test_a_critical_finding_is_exit_2_whoever_reads_it(
    output: str, config: Path, mariadb: PrivateMariaDB, schema: str
) -> None:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE users DROP COLUMN tokens_remaining")
    assert (
        shell(f"$tm check missing_columns --config $c {output}", config).returncode == 2
    )
