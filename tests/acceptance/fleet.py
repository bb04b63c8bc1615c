"""Targets that lists name, on one private server: the configuration of a fleet, and what its daemons watch."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import two_files
from tests.acceptance.program import Daemon, short_directory, wait_until
from tests.support.servers import free_port

PASSWORD = "s3cret-of-the-fleet"


class Fleet:
    """A server that targets of any name lead to, and the files of a configuration."""

    def __init__(self, server: PrivateMariaDB, folder: Path) -> None:
        self.server = server
        self.folder = folder
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS app")
            cursor.execute(
                f"CREATE OR REPLACE USER watcher@'%' IDENTIFIED BY '{PASSWORD}'"
            )
            cursor.execute("GRANT SELECT ON app.* TO watcher@'%'")
        secrets = folder / "secrets"
        secrets.mkdir(mode=0o700)
        (secrets / "fleet").write_text(PASSWORD)
        (secrets / "fleet").chmod(0o600)
        (folder / "targets").mkdir()
        two_files(
            folder,
            "one",
            sql="SELECT 1 AS n",
            toml='summary = "One"\ninterval = "500ms"\ntimeout = "400ms"\n'
            '[metrics.app_one]\nhelp = "One"\nvalue = "n"\n',
        )

    def group(self, *names: str) -> list[object]:
        """Return the groups of a list with these targets."""
        address = f"127.0.0.1:{self.server.port}"
        return [
            {
                "targets": [address],
                "labels": {"__name__": name, "__secret__": "fleet", "region": "eu"},
            }
            for name in names
        ]

    def write(self, *names: str, file: str = "one.json") -> None:
        """Write a list with these targets."""
        self.write_text(json.dumps(self.group(*names)), file)

    def write_text(self, text: str, file: str = "one.json") -> None:
        """Write a file of the list, whole or not at all."""
        path = self.folder / "targets" / file
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)

    def config(self, head: str = "", extra: str = "") -> Path:
        """Write config.toml."""
        path = self.folder / "config.toml"
        path.write_text(
            f'query_dirs = ["queries"]\nshipped_queries = false\n{head}\n'
            '[targets_defaults]\nuser = "watcher"\ndatabase = "app"\n'
            f'secrets_directory = "secrets"\n[web]\nlisten = "127.0.0.1:0"\n{extra}\n'
        )
        return path


LISTED = 'targets_file = "targets/*.json"'


@contextmanager
def a_fleet() -> Iterator[Fleet]:
    """Run a server that listens by TCP, and make a folder for the configuration."""
    directory, folder = short_directory(), short_directory()
    try:
        with PrivateMariaDB(directory, port=free_port()) as server:
            yield Fleet(server, folder)
    finally:
        shutil.rmtree(folder)


def environ_of(state: Path, **variables: str) -> dict[str, str]:
    """Return the environment of one daemon of several with one configuration."""
    return {"TOKEN_MONITOR_STATE_DIRECTORY": os.fspath(state), **variables}


def watched_by(daemon: Daemon, *, after: int = 0) -> set[str]:
    """Return the targets on which a run ended, from the `after`-th event on."""
    return {
        str(one["target"])
        for one in daemon.events[after:]
        if one["event"] == "run.finished"
    }


def wait_for_runs(daemon: Daemon, names: Sequence[str], *, after: int = 0) -> None:
    """Wait until each of these targets has had a run, from the `after`-th event on, and no other one has."""
    wait_until(
        lambda: watched_by(daemon, after=after) >= set(names),
        why=f"runs on {sorted(names)}",
    )
