"""What the acceptance tests share: a folder, far ends, a number that is watched, a server to be broken."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.faults import Watched, watching
from tests.acceptance.ledger import Taker, moody
from tests.acceptance.program import Hook, short_directory
from tests.acceptance.single_value import SingleValue


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder for config.toml and queries/, gone afterwards."""
    path = short_directory()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Run a webhook's far end."""
    one = Hook()
    yield one
    one.close()


@pytest.fixture
def takers() -> Iterator[dict[str, Taker]]:
    """Run receivers: one that is well, one with moods, one that is slow, an Alertmanager with moods."""
    found = {
        "steady": Taker(),
        "moody": Taker(moody(1)),
        "slow": Taker(moody(2, refuses=0, hangs_up=0, slow=1)),
        "alertmanager": Taker(moody(3)),
    }
    yield found
    for taker in found.values():
        taker.close()


@pytest.fixture
def single_value(mariadb: PrivateMariaDB, schema: str, folder: Path) -> SingleValue:
    """Make the table of one number, which a config watches."""
    return SingleValue(mariadb, schema, folder)


@pytest.fixture(scope="module")
def daemon_and_server(mariadb: PrivateMariaDB) -> Iterator[Watched]:
    """Run a server that is the module's own, and a daemon that watches it and the shared one."""
    with watching(mariadb) as watched:
        yield watched


@pytest.fixture
def watched(daemon_and_server: Watched) -> Iterator[Watched]:
    """Yield the module's daemon and server with all well; what a test broke is mended afterwards."""
    daemon_and_server.begin()
    yield daemon_and_server
    daemon_and_server.end()
