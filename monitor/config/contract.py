"""`[contract]`: the application's source that databases must serve; put into the query that compares; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

from monitor.config.needs import NamedColumns, named_columns
from monitor.config.schema import ContractSchema
from monitor.config.toml.document import Section, table_at
from monitor.config.toml.overrides import merge
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import validate
from monitor.model.application import Contract
from monitor.model.columns import ColumnName
from monitor.model.contract import (
    ApplicationReading,
    ContractFiles,
    ContractSettings,
)
from monitor.model.targets import Target

CONTRACT_QUERY: Final = "application_columns"
"""The shipped query that compares; it is there wherever `[contract]` is, and nowhere else."""
_SECTION: Final = "contract"
_TIMES: Final = ("interval", "cron")
_UNREAD: Final = ApplicationReading(fault="the application's source was not read")
_NO_SETTINGS: Final = ContractSettings(())
ReadContract: TypeAlias = Callable[
    [Path, ContractSettings, Collection[str]], ContractFiles
]
"""Reads the source for databases of these names; it may keep what it read in the state directory, given first."""


def read_nothing(
    _directory: Path, settings: ContractSettings, _databases: Collection[str]
) -> ContractFiles:
    """Return that nothing was read."""
    return ContractFiles(settings)


def read_settings(
    config: Section, base: Path, problems: Problems
) -> ContractSettings | None:
    """Check where the application's source is; None where nobody says."""
    table = table_at(config, _SECTION, problems)
    if _SECTION not in config.data:
        return None
    checked = validate(ContractSchema, table, problems)
    if "app_sql" in table.data and not checked.app_sql:
        problems.add(table.origin("app_sql"), "is empty; allowed: a list of folders")
    folders = [folder for folder in checked.app_sql if "\0" not in folder]
    if len(folders) < len(checked.app_sql):
        problems.add(table.origin("app_sql"), "has a NUL, which is in no path")
    return ContractSettings(
        directories=tuple(base / folder for folder in folders),
        ignored=tuple(checked.app_ignore),
        interval=checked.interval,
    )


def with_contract_interval(config: Section) -> Section:
    """Return the configuration with the contract's interval as that of its query, unless that has its own."""
    table = config.at(_SECTION)
    own = config.at("queries", CONTRACT_QUERY).data
    if "interval" not in table.data or not own.keys().isdisjoint(_TIMES):
        return config
    interval = Section(
        {"interval": table.data["interval"]},
        {(): config.origin(), ("interval",): table.origin("interval")},
    )
    return merge(interval.below("queries", CONTRACT_QUERY), config)


# Without slots: a cached property keeps its value in the object's dict.
@dataclass(frozen=True, eq=False)
class Promise:
    """What an application asks of one database; of one that serves none, nothing."""

    database: str = ""
    reading: ApplicationReading = _UNREAD
    settings: ContractSettings = _NO_SETTINGS

    @cached_property
    def named(self) -> NamedColumns:
        """Return which columns its statements name, and where."""
        return named_columns(self.reading.application)

    def filled(self, contract: Contract, expected: frozenset[ColumnName]) -> Contract:
        """Return what a query compares; `expected` is what a schema query tells of already."""
        reading = self.reading
        return replace(
            contract,
            application=reading.application,
            ignored=self.settings.ignored,
            elsewhere=expected,
            fault="" if reading.is_known else reading.fault,
        )


def promise_to(target: Target, files: ContractFiles | None) -> Promise:
    """Return what the application asks of a target's database."""
    if files is None or not target.contract:
        return Promise()
    reading = files.readings.get(target.database, _UNREAD)
    return Promise(target.database, reading, files.settings)
