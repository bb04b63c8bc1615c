"""Files as platforms hand them over: a mount that is swapped as a whole, names that are no text."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, write_config
from tests.acceptance.program import Daemon, run_command, running, wait_until


class Mount:
    """A folder as Kubernetes fills it: each file a link through `..data`, which is exchanged at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self._version = 0

    def fill(self, **files: str) -> None:
        """Put these files in place of all that was there; what was is removed."""
        self._version += 1
        new = self.folder / f"..version{self._version}"
        new.mkdir()
        for name, content in files.items():
            (new / name).write_text(content, encoding="utf-8")
            (new / name).chmod(0o600)
            link = self.folder / name
            if not link.is_symlink():
                link.symlink_to(Path("..data", name))
        following = self.folder / "..data_tmp"
        following.symlink_to(new.name)
        following.rename(self.folder / "..data")
        old = self.folder / f"..version{self._version - 1}"
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def an_account(server: PrivateMariaDB, schema: str) -> Iterator[str]:
    name = f"mounted_{schema}"
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE USER {name}@localhost IDENTIFIED BY 'first'")
        cursor.execute(f"GRANT SELECT ON {schema}.* TO {name}@localhost")
    yield name
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP USER {name}@localhost")


TOML = 'summary = "n"\ninterval = "500ms"\ntimeout = "450ms"\n[metrics.app_n]\nhelp = "n"\nvalue = "n"\n'


def test_configuration_queries_and_password_are_taken_from_a_mount_that_was_swapped(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    settings, queries = Mount(folder / "settings"), Mount(folder / "queries")
    with an_account(mariadb, schema) as account:
        target = {"user": account, "password_file": "password"}
        extra = f'[state]\ndirectory = "{folder}/state"\n'
        text = write_config(
            folder, mariadb, schema, target=target, extra=extra
        ).read_text()
        text = f'query_dirs = ["../queries"]\nshipped_queries = false\n{text}'
        settings.fill(**{"config.toml": text, "password": "first"})
        queries.fill(**{"n.toml": TOML, "n.sql": "SELECT 1 AS n"})
        with running(settings.folder / "config.toml") as daemon:
            wait_until(lambda: number(daemon) == 1)
            as_root(mariadb, f"ALTER USER {account}@localhost IDENTIFIED BY 'second'")
            settings.fill(**{"config.toml": text, "password": "second"})
            queries.fill(**{"n.toml": TOML, "n.sql": "SELECT 2 AS n"})
            assert daemon.get("/-/reload", method="POST") == (200, "reloaded\n")
            wait_until(lambda: number(daemon) == 2)
            as_root(mariadb, f"KILL USER {account}@localhost")
            begun = len(daemon.events)
            daemon.wait_for("run.finished", after=begun)
            assert daemon.seen("target.lost", reason="access_denied") == []


def test_one_flat_folder_may_hold_all(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    text = write_config(
        folder, mariadb, schema, extra=f'[state]\ndirectory = "{folder}/state"'
    ).read_text()
    text = f'query_dirs = ["."]\nshipped_queries = false\n{text}'
    mount = Mount(folder / "flat")
    mount.fill(**{"config.toml": text, "n.toml": TOML, "n.sql": "SELECT 1 AS n"})
    with running(mount.folder / "config.toml") as daemon:
        wait_until(lambda: number(daemon) == 1)


def number(daemon: Daemon) -> float | None:
    return next(iter(daemon.series("app_n{").values()), None)


def as_root(server: PrivateMariaDB, statement: str) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "name", [b"caf\xe9", b"a b'\"", b"two\nlines", "größe-大".encode()]
)
def test_a_folder_of_any_name_does_and_what_is_reported_of_it_stays_one_line(
    mariadb: PrivateMariaDB, schema: str, folder: Path, name: bytes
) -> None:
    inner = folder / os.fsdecode(name)
    inner.mkdir()
    config = only_ours(write_config(inner, mariadb, schema))
    two_files(inner, "n", sql="SELECT 1 AS n", toml=TOML)
    with running(config) as daemon:
        wait_until(lambda: number(daemon) == 1)
        (inner / os.fsdecode(b"queries/b\xe9d.sql")).write_text("SELEC")
        status, reported = daemon.get("/-/reload", method="POST")
        assert status == 500
        assert "is not a query name" in reported
        daemon.wait_for("config.rejected")
        assert daemon.get("/")[0] == 200
        assert number(daemon) == 1
    done = run_command("check", "--format", "json", "--config", str(config))
    assert done.returncode == 3
    assert "is not a query name" in json.loads(done.stdout)["problems"][0]
