"""`check --app-sql`: would the statements of an application find their tables and columns on a target?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from monitor.cli.checked import CheckStatus
from monitor.collector.schema_look import look_at_schema
from monitor.config.source_files import SourceFiles
from monitor.contract.application import application_sql
from monitor.contract.repair import repair_of, similar_names
from monitor.contract.schema import MissingName, SchemaTables
from monitor.database import Database, Session
from monitor.model.application import ApplicationSql, SqlPlace, UnreadStatement
from monitor.model.errors import QueryError
from monitor.model.results import Failure
from monitor.model.settings import Statement
from monitor.model.targets import Target
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog

_LEASE_SECONDS: Final = 10.0
_TIMEOUT: Final = timedelta(seconds=30)
_MAX_COLUMNS: Final = 500_000
_COLUMNS: Final = """SELECT c.table_name AS table_name, c.column_name AS column_name, c.column_type AS column_type
FROM information_schema.columns c WHERE c.table_schema = DATABASE()"""
_CASE: Final = "SELECT @@lower_case_table_names AS ignored"


@dataclass(frozen=True, slots=True)
class MissingFinding:
    """What the application's statements name and the database lacks."""

    missing: MissingName
    places: tuple[SqlPlace, ...]
    similar: tuple[str, ...]
    repair: str

    @property
    def summary(self) -> str:
        """Return what is missing, in a sentence."""
        renamed = (
            f"; renamed? there is {', '.join(self.similar)}" if self.similar else ""
        )
        return f"the {self.missing} is missing{renamed}"


@dataclass(frozen=True, slots=True)
class ApplicationCheck:
    """What an application's statements would find on one target."""

    target: str
    directory: str
    application: ApplicationSql
    findings: tuple[MissingFinding, ...] = ()
    unread: tuple[UnreadStatement, ...] = ()
    unknown: tuple[str, ...] = ()
    """What the account may not see."""
    failure: Failure | None = None

    @property
    def fault(self) -> str:
        """Return why it cannot be told, or not of all; empty where it can."""
        if self.failure is not None:
            return f"{self.failure.reason}: {self.failure.message}"
        if self.unknown:
            return f"the account may not see {', '.join(self.unknown)}"
        if not self.application.statements:
            return f"no statement was found in {self.directory}"
        return ""

    @property
    def status(self) -> CheckStatus:
        """Return what it comes to; what is missing outweighs what cannot be told."""
        if self.findings:
            return CheckStatus.CRITICAL
        return CheckStatus.UNKNOWN if self.fault else CheckStatus.OK


def check_application(
    sources: SourceFiles,
    targets: Sequence[Target],
    environ: Mapping[str, str],
    ignored: Sequence[str],
) -> tuple[ApplicationCheck, ...]:
    """Check the statements on each target; `ignored` are patterns of tables and of `table.column`."""
    # Targets of one application mostly have databases of one name.
    read = {
        name: application_sql(sources.files, name)
        for name in {target.database for target in targets}
    }
    checks = []
    with Watchdog() as watchdog:
        for target in targets:
            database = Database(
                target, secrets=SecretReader(environ), watchdog=watchdog
            )
            application = read[target.database]
            try:
                with database.lease(deadline_seconds=_LEASE_SECONDS) as session:
                    check = _checked(session, target, sources, application, ignored)
            except QueryError as error:
                failure = Failure(error.reason, error.message, error.code, error.detail)
                check = ApplicationCheck(
                    target=target.name,
                    directory=sources.directory,
                    application=application,
                    failure=failure,
                )
            finally:
                database.close()
            checks.append(check)
    return tuple(checks)


def _checked(
    session: Session,
    target: Target,
    sources: SourceFiles,
    application: ApplicationSql,
    ignored: Sequence[str],
) -> ApplicationCheck:
    found = look_at_schema(
        application,
        ignored,
        look=partial(_schema, session),
        touch=partial(_touch, session),
    )
    places = found.comparison.missing
    findings = [
        _finding(missing, places[missing], application, found.schema)
        for missing in found.missing
    ]
    return ApplicationCheck(
        target=target.name,
        directory=sources.directory,
        application=application,
        findings=tuple(findings),
        unread=(
            *_unread_files(sources),
            *application.unread,
            *found.comparison.doubtful,
        ),
        unknown=tuple(str(name) for name in found.unknown),
    )


def _finding(
    missing: MissingName,
    places: Sequence[SqlPlace],
    application: ApplicationSql,
    schema: SchemaTables,
) -> MissingFinding:
    return MissingFinding(
        missing=missing,
        places=tuple(places),
        similar=similar_names(missing, schema),
        repair=repair_of(missing, application, schema),
    )


def _unread_files(sources: SourceFiles) -> Iterator[UnreadStatement]:
    for name, why in sources.unread:
        yield UnreadStatement(SqlPlace(name, 1, "the whole file"), why)


def _schema(session: Session) -> SchemaTables:
    """Ask for every column that the account may see; QueryError as the server answers."""
    ((ignored,),) = session.fetch(
        Statement(_CASE), {}, timeout=_TIMEOUT, max_rows=1
    ).rows
    rows = session.fetch(
        Statement(_COLUMNS), {}, timeout=_TIMEOUT, max_rows=_MAX_COLUMNS
    ).rows
    tables: dict[str, dict[str, str]] = {}
    ignores_case = ignored != 0
    for table, column, kind in rows:
        name = str(table).lower() if ignores_case else str(table)
        tables.setdefault(name, {})[str(column).lower()] = str(kind)
    return SchemaTables(tables, ignores_case)


def _touch(session: Session, sql: str) -> None:
    session.fetch(Statement(sql), {}, timeout=_TIMEOUT, max_rows=1)
