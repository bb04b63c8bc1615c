"""`import`: the configuration of another exporter becomes config.toml and queries, and what is left is told."""

# ruff: noqa: N999 -- a module has the name of its command, and this one is only imported by its name

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from monitor.cli import FAILED, OK, USAGE
from monitor.cli.import_files import FilesBeside, written_checked
from monitor.cli.output import echo
from monitor.config.data_files import DataError
from monitor.migration.imported import Imported
from monitor.migration.recognition import import_text
from monitor.migration.report import ImportReport, Remark
from monitor.model.wording import counted


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where config.toml and queries/ are written; must be empty, or not there.",
)
@click.option(
    "--write-secrets",
    is_flag=True,
    help="Write passwords too, each into the file that password_file names.",
)
def command(file: Path, folder: Path, write_secrets: bool) -> int:
    """Make config.toml and queries of FILE, a configuration of query-exporter or of one of both sql_exporters.

    Names of metrics and labels stay. What cannot be kept is told line by line, with what to do; a password
    becomes the name of a file, which you write.

    Exit codes: 0 all of it is there, 1 something is left to you, 2 FILE cannot be read or FOLDER is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return _failed(f"{folder}: is there already, and nothing in it is overwritten")
    files = FilesBeside(file)
    report = ImportReport()
    try:
        text = files.read(file.name)
        imported = import_text(file.name, text, files, os.environ, report)
        imported = written_checked(
            imported, folder, file.name, report, with_secrets=write_secrets
        )
    except DataError as error:
        line = "" if error.line is None else f":{error.line}"
        return _failed(f"{file}{line}: {error}")
    except OSError as error:
        return _failed(f"{folder}: cannot be written: {error.strerror}")
    remarks = report.in_order()
    for remark in remarks:
        echo(remark.text)
    left = [remark for remark in remarks if remark.is_left]
    echo(_summary(imported, folder, left))
    return FAILED if left else OK


def _failed(message: str) -> int:
    click.echo(message, err=True)
    return USAGE


def _summary(imported: Imported, folder: Path, left: Sequence[Remark]) -> str:
    if not imported.targets:
        return f"{folder}: nothing was written, as no database of MySQL or MariaDB was found in it"
    parts = [
        counted(len(imported.targets), "target"),
        counted(len(imported.queries), "query", "queries"),
        counted(sum(len(query.metrics) for query in imported.queries), "metric"),
    ]
    made = f"{folder}: {', '.join(parts)}, from {imported.kind}"
    if not left:
        return f"{made}; nothing is left to do"
    return f'{made}; left to you: {counted(len(left), "line")} of those above without "note"'
