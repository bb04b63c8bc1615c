"""Where an application's source is, and what was read of it: a part of the configuration that changes by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from monitor.model.application import ApplicationSql

DEFAULT_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ContractSettings:
    """`[contract]`: whose statements the databases must be able to serve."""

    directories: tuple[Path, ...]
    ignored: tuple[str, ...] = ()
    interval: timedelta = DEFAULT_INTERVAL


@dataclass(frozen=True, slots=True)
class ApplicationReading:
    """What was read last, how the files looked then, and why they could not be read again."""

    application: ApplicationSql = field(default_factory=ApplicationSql)
    mark: str = ""
    fault: str = ""

    @property
    def is_known(self) -> bool:
        """Return whether there is a statement to go by, if only of before."""
        return bool(self.application.statements)


@dataclass(frozen=True, slots=True)
class ContractFiles:
    """What a load found in the folders: how they look, and what the application says of each database."""

    settings: ContractSettings
    mark: str = ""
    readings: Mapping[str, ApplicationReading] = field(default_factory=dict)
    """By the name of the database."""

    @property
    def faults(self) -> tuple[str, ...]:
        """Return why something could not be read, each once."""
        found = (reading.fault for reading in self.readings.values())
        return tuple(dict.fromkeys(fault for fault in found if fault))
