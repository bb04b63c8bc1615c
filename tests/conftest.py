"""Fixtures that more than one room's tests use: real servers; and which tests may be skipped."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.timing.deadlines import Watchdog
from tests.support.hostile_server import HOSTILE_VARIABLE, HostersMariaDB
from tests.support.servers import (
    MYSQL_NOT_ASKED,
    MYSQL_UNAVAILABLE,
    PrivateMySQL,
    forget_failures,
    free_port,
    why_no_mysql,
)
from tests.web.browser import NO_BROWSER

LONG_NOT_ASKED = "scripts/test --long runs it"
UNEXPECTED_SKIP = 6
"""An exit code that pytest itself does not use."""

_WAITING_ROOMS = ("acceptance", "database", "queries", "daemon", "collector", "project")
"""Whose modules take longest, in this order."""

_PURE_ROOMS = (
    "alerting",
    "cli",
    "collector",
    "config",
    "contract",
    "daemon",
    "detection",
    "lifecycle",
    "model",
    "telemetry",
    "timing",
)
_SERVERS = {"mariadb", "mysql", "server", "schema"}

_numbers = itertools.count()


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    """Yield the alarm clock of what waits on a far end."""
    with Watchdog() as watchdog:
        yield watchdog


@pytest.fixture(scope="session")
def mariadb() -> Iterator[PrivateMariaDB]:
    """Run one MariaDB for the whole session; tests that stop or freeze a server start their own."""
    # A unix socket's path has at most 107 bytes: pytest's own temporary folders are too deep.
    directory = Path(tempfile.mkdtemp(prefix="tm-"))
    kind = HostersMariaDB if os.environ.get(HOSTILE_VARIABLE) else PrivateMariaDB
    with kind(directory) as server:
        yield server


@pytest.fixture(scope="session")
def mysql() -> Iterator[PrivateMySQL]:
    """Run one MySQL 9 for the whole session, by socket and by TCP; only in tests marked `mysql`."""
    reason = why_no_mysql()
    if reason is not None:
        pytest.skip(reason)
    directory = Path(tempfile.mkdtemp(prefix="tm-"))
    with PrivateMySQL(directory, port=free_port()) as server:
        yield server


@pytest.fixture(params=["mariadb", pytest.param("mysql", marks=pytest.mark.mysql)])
def server(request: pytest.FixtureRequest) -> PrivateServer:
    """Return each shared server in turn: a test that takes it runs on MariaDB, and on MySQL if asked."""
    found: PrivateServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def schema(mariadb: PrivateMariaDB) -> Iterator[str]:
    """Make an empty database on the shared MariaDB, dropped afterwards; gives its name."""
    yield from _schema_on(mariadb)


@pytest.fixture
def server_schema(server: PrivateServer) -> Iterator[str]:
    """Make an empty database on the server that the fixture `server` gave; gives its name."""
    yield from _schema_on(server)


def _schema_on(server: PrivateServer) -> Iterator[str]:
    name = f"app{next(_numbers)}"
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    forget_failures(server)
    yield name
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests that measure time run apart from those that run beside each other."""
    parser.addoption(
        "--alone",
        choices=["only", "never"],
        help="run only the tests marked `alone`, or all but them (scripts/test does one after the other)",
    )


def pytest_configure() -> None:
    """Hear ^C also where a shell started us in the background, which has it ignored; so do our children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what is pure; skip, with the reason, what was not asked for."""
    if _is_pure(item):
        item.add_marker(pytest.mark.pure)
    no_mysql = why_no_mysql()
    if no_mysql is not None and item.get_closest_marker("mysql"):
        item.add_marker(pytest.mark.skip(reason=no_mysql))
    if not os.environ.get("TOKEN_MONITOR_TEST_LONG") and item.get_closest_marker(
        "long"
    ):
        item.add_marker(pytest.mark.skip(reason=LONG_NOT_ASKED))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Choose what runs, and in which order."""
    _choose(config, items)
    # The rest stays in its random order. The controller of the workers collects nothing itself.
    if os.environ.get("PYTEST_XDIST_WORKER"):
        _longest_first(items)


def _is_pure(item: pytest.Item) -> bool:
    """Return whether a test needs no server and starts no process, and is quick: draws no cases either."""
    return (
        item.path.parent.name in _PURE_ROOMS
        and isinstance(item, pytest.Function)
        and not _SERVERS.intersection(item.fixturenames)
        and "subprocess" not in item.function.__code__.co_names
        and not is_hypothesis_test(item.function)
        and not any(map(item.get_closest_marker, ("slow", "long", "alone")))
    )


def _choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    choice = config.getoption("--alone")
    if choice is None:
        return
    is_chosen = {
        item: (item.get_closest_marker("alone") is not None) == (choice == "only")
        for item in items
    }
    config.hook.pytest_deselected(items=[item for item in items if not is_chosen[item]])
    items[:] = [item for item in items if is_chosen[item]]


def _longest_first(items: list[pytest.Item]) -> None:
    """Put first what may take long, so that no worker is left with it in the end while the others have ended.

    The programs of the acceptance tests wait for each other more than they compute. So one of them in three
    modules, when each worker has begun one: then there is always something to compute, and something that waits.
    """
    seconds: Counter[Path] = Counter()
    for item in items:
        limit = item.get_closest_marker("timeout")
        if limit is not None and not item.get_closest_marker("skip"):
            seconds[item.path] = max(seconds[item.path], int(limit.args[0]))
    counts = Counter(item.path for item in items)
    paths = sorted(
        counts, key=lambda path: (_rank_of_room(path), -seconds[path], -counts[path])
    )
    places = {path: place for place, path in enumerate(_mixed(paths))}
    items.sort(key=lambda item: places[item.path])


def _mixed(paths: list[Path]) -> list[Path]:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    waiting = [path for path in paths if path.parent.name == _WAITING_ROOMS[0]]
    others = iter([path for path in paths if path.parent.name != _WAITING_ROOMS[0]])
    mixed = waiting[:workers]
    for path in waiting[workers:]:
        mixed += [path, *itertools.islice(others, 2)]
    return [*mixed, *others]


def _rank_of_room(path: Path) -> int:
    room = path.parent.name
    return _WAITING_ROOMS.index(room) if room in _WAITING_ROOMS else len(_WAITING_ROOMS)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run on CI that skipped what it should not have, whatever becomes of tests that failed."""
    if (
        os.environ.get("CI") == "true"
        and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        and _unexpected(session.config)
    ):
        session.exitstatus = UNEXPECTED_SKIP


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Count the skips by reason."""
    counts = _skips(config)
    if counts:
        terminalreporter.section("skips")
        for reason, count in sorted(counts.items()):
            terminalreporter.line(f"{count} × {reason}")
    if os.environ.get("CI") == "true":
        for reason in _unexpected(config):
            terminalreporter.line(
                f"ERROR: this skip is not expected on CI: {reason}", red=True
            )


def _skips(config: pytest.Config) -> Counter[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter is not None else []
    # longrepr of a skip is (path, line, "Skipped: reason")
    return Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports
    )


def _unexpected(config: pytest.Config) -> list[str]:
    expected = (MYSQL_NOT_ASKED, MYSQL_UNAVAILABLE, LONG_NOT_ASKED, NO_BROWSER)
    return sorted(
        reason for reason in _skips(config) if not reason.startswith(expected)
    )
