"""Log and count what a load read of the application's source, and why it could not be read."""

from __future__ import annotations

from typing import Final

from monitor.model.application import UnreadStatement
from monitor.model.contract import ApplicationReading, ContractFiles
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.log import Log

_MAX_UNREAD: Final = 20
"""So many of what was not read are logged; `check --app-sql` lists them all."""


def report_contract(
    log: Log, telemetry: Telemetry, old: ContractFiles | None, new: ContractFiles | None
) -> None:
    """Log each reading that is another one than before, and each new fault; count every one that failed."""
    telemetry.contract_read(new)
    if new is None:
        return
    before = old or ContractFiles(new.settings)
    for database, reading in new.readings.items():
        known = before.readings.get(database, ApplicationReading())
        if reading.application != known.application:
            _log_reading(log, database, new, reading)
        if reading.fault != known.fault:
            _log_fault(log, database, reading)


def _log_reading(
    log: Log, database: str, files: ContractFiles, reading: ApplicationReading
) -> None:
    sql = reading.application
    log.info(
        "contract.read",
        database=database,
        directories=[str(directory) for directory in files.settings.directories],
        files=sql.files,
        statements=len(sql.statements),
        tables=len(sql.tables),
        migrations=sql.migrations,
        unread=len(sql.unread),
        not_read=[_line(one) for one in sql.unread[:_MAX_UNREAD]],
    )


def _log_fault(log: Log, database: str, reading: ApplicationReading) -> None:
    """Log why it cannot be read, once; that it can be again says `config.reloaded`, and what is new in it."""
    if not reading.fault:
        return
    kept = len(reading.application.statements)
    log.warning(
        "contract.failed",
        database=database,
        message=f"{reading.fault}; in force are {kept} statements that were read before",
        statements=kept,
    )


def _line(unread: UnreadStatement) -> str:
    return f"{unread.place.short}: {unread.why}"
