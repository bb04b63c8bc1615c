"""How `check` writes what the statements of an application would not find: lines, JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from monitor.cli.app_check import ApplicationCheck, MissingFinding
from monitor.cli.output import plain_line
from monitor.model.application import SqlPlace
from monitor.model.wording import counted

_MAX_PLACES: Final = 5
"""So many statements are shown of one missing column; JSON has them all."""


def application_text(check: ApplicationCheck) -> str:
    """Return the paragraph of one target."""
    lines = [
        f"{check.status.name} application SQL on {check.target}: {count_text(check)}"
    ]
    if check.fault:
        lines.append(f"  could not tell: {plain_line(check.fault)}")
    for finding in check.findings:
        lines.extend(_finding_lines(finding))
    lines.extend(
        f"  not read: {place_text(unread.place)}: {plain_line(unread.why)}"
        for unread in check.unread
    )
    return "\n".join(lines)


def count_text(check: ApplicationCheck) -> str:
    """Return how much was looked at."""
    sql = check.application
    parts = [
        f"{counted(len(sql.statements), 'statement')} in {counted(sql.files, 'file')} of {check.directory}",
        f"{len(check.findings)} missing",
        f"{len(check.unread)} not read",
        f"{counted(sql.migrations, 'migration')} not checked",
    ]
    return ", ".join(parts)


def place_text(place: SqlPlace) -> str:
    """Return where a statement stands, and how it begins."""
    return f"{place.file}:{place.line}: {plain_line(place.head)}"


def application_json(check: ApplicationCheck) -> dict[str, object]:
    """Return all of it as values for JSON."""
    return {
        "target": check.target,
        "directory": check.directory,
        "status": check.status.name.lower(),
        "message": check.fault,
        "statements": len(check.application.statements),
        "files": check.application.files,
        "migrations": check.application.migrations,
        "missing": [_finding_json(finding) for finding in check.findings],
        "unread": [
            {**_place_json(one.place), "message": one.why} for one in check.unread
        ],
    }


def _finding_lines(finding: MissingFinding) -> Iterator[str]:
    yield f"  {finding.summary}"
    for place in finding.places[:_MAX_PLACES]:
        yield f"    {place_text(place)}"
    more = len(finding.places) - _MAX_PLACES
    if more > 0:
        yield f"    and {counted(more, 'more statement')}"
    yield f"    repair: {plain_line(finding.repair)}"


def _finding_json(finding: MissingFinding) -> dict[str, object]:
    return {
        "tables": list(finding.missing.tables),
        "column": finding.missing.column,
        "summary": finding.summary,
        "similar": list(finding.similar),
        "repair": finding.repair,
        "statements": [_place_json(place) for place in finding.places],
    }


def _place_json(place: SqlPlace) -> dict[str, object]:
    return {
        "file": place.file,
        "line": place.line,
        "statement": place.head,
    }
