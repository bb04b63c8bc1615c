"""A database with the token system's tables on each server, and the shipped queries to run on it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.collector.execute import answer
from monitor.collector.findings import RunFindings
from monitor.config import Outside, load
from monitor.contract.application import application_sql
from monitor.database import Database, Session
from monitor.demo.mariadb import PrivateConnection, PrivateServer
from monitor.model.contract import (
    ApplicationReading,
    ContractFiles,
    ContractSettings,
)
from monitor.model.results import Sample
from monitor.model.settings import Config, Query, Scalar
from monitor.notify.kinds import KINDS
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog
from tests.queries.oracle import Series
from tests.queries.tokens import NOW, create_tables

_numbers = itertools.count()
_CONFIG = """
[targets.main]
unix_socket = "{socket}"
user = "root"
database = "{schema}"

[targets.main.parameters]
{parameters}

[contract]
app_sql = ["app"]
"""
_CODE = "db.query('SELECT u.email FROM users u WHERE u.username = ?')"
"""Of an application: what it names, no query of ours needs."""


class Bench:
    """A schema, the shipped queries bound to it, and a session whose clock stands still at NOW."""

    def __init__(self, server: PrivateServer, folder: Path) -> None:
        self.server = server
        self.schema = f"tokens{next(_numbers)}"
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {self.schema} CHARACTER SET utf8mb4")
        self._stack = ExitStack()
        self.connection: PrivateConnection = self._stack.enter_context(
            server.connect(self.schema)
        )
        config = shipped_config(folder, server, self.schema, {})
        self.queries = queries_of(config)
        self.target = config.targets[0]
        self.session = self._stack.enter_context(self.as_user("root"))
        self.session.connection.execute(
            f"SET SESSION timestamp = {NOW.timestamp():.0f}"
        )

    def execute(self, *statements: str) -> None:
        """Execute statements as the owner of the schema."""
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def answer(self, name: str, **parameters: Scalar) -> RunFindings:
        """Run a shipped query as the daemon does, evidence included."""
        return self._answer(self.queries[name], parameters)

    def series(self, name: str, **parameters: Scalar) -> dict[str, Series]:
        """Run a shipped query; give its series by metric, labels in the metric's order."""
        return self.series_of(self.queries[name], **parameters)

    def series_of(self, query: Query, **parameters: Scalar) -> dict[str, Series]:
        """Run a query; give its series as `series` does."""
        order = {metric.name: metric.label_names for metric in query.metrics}
        found: dict[str, Series] = {}
        for sample in self._answer(query, parameters).success.samples:
            labels = dict(sample.labels)
            key = tuple(labels.pop(label, "") for label in order[sample.metric])
            assert not labels
            found.setdefault(sample.metric, {})[key] = sample.value
        return found

    def samples(self, name: str, metric: str) -> list[Sample]:
        """Return the samples of one metric in a query's answer."""
        return [
            sample
            for sample in self.answer(name).success.samples
            if sample.metric == metric
        ]

    def load(self, folder: Path, parameters: Mapping[str, str]) -> Mapping[str, Query]:
        """Load the shipped queries again, with parameters of the target."""
        config = shipped_config(folder, self.server, self.schema, parameters)
        return queries_of(config)

    def _answer(self, query: Query, parameters: Mapping[str, Scalar]) -> RunFindings:
        changed = replace(query, parameters={**query.parameters, **parameters})
        found = answer(changed, self.session)
        assert found.success.evidence_errors == ()
        return found

    @contextmanager
    def as_user(self, user: str) -> Iterator[Session]:
        """Open a session of another account of this server."""
        target = replace(self.target, user=user)
        with closing(Watchdog()) as watchdog:
            database = Database(target, secrets=SecretReader(), watchdog=watchdog)
            with closing(database), database.lease(deadline_seconds=20) as session:
                yield session

    def close(self) -> None:
        """Close the connections and drop the schema."""
        self._stack.close()
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {self.schema}")


def queries_of(config: Config) -> Mapping[str, Query]:
    """Return the queries of the one target by their names."""
    return {job.query.name: job.query for job in config.jobs}


def shipped_config(
    folder: Path, server: PrivateServer, schema: str, parameters: Mapping[str, str]
) -> Config:
    """Load a configuration of the shipped queries by the real loader."""
    path = folder / "config.toml"
    lines = "\n".join(f'{name} = "{value}"' for name, value in parameters.items())
    path.write_text(
        _CONFIG.format(socket=server.socket, schema=schema, parameters=lines)
    )
    return load(path, os.environ, KINDS, Outside(read_contract=_read))


def _read(
    _directory: Path, settings: ContractSettings, databases: Collection[str]
) -> ContractFiles:
    """Read the application's source; in this process, where the loader asks another one."""
    readings = {
        name: ApplicationReading(application_sql([("src/app.ts", _CODE)], name))
        for name in databases
    }
    return ContractFiles(settings, readings=readings)


@pytest.fixture(
    scope="module", params=["mariadb", pytest.param("mysql", marks=pytest.mark.mysql)]
)
def each_server(request: pytest.FixtureRequest) -> PrivateServer:
    """Return each shared server, once per module: a test of properties runs many examples on it."""
    found: PrivateServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module", params=["bare", "indexed"])
def tokens(
    request: pytest.FixtureRequest,
    each_server: PrivateServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    """The documented tables, with and without the indexes that an installation may have."""
    bench = Bench(each_server, tmp_path_factory.mktemp("tokens"))
    try:
        create_tables(bench.connection, indexed=request.param == "indexed")
        yield bench
    finally:
        bench.close()


@pytest.fixture
def empty_schema(each_server: PrivateServer, tmp_path: Path) -> Iterator[Bench]:
    """A schema without any tables, of this test alone."""
    bench = Bench(each_server, tmp_path)
    try:
        yield bench
    finally:
        bench.close()
