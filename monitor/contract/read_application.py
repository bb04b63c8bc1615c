"""The child process that reads an application's source: folders and databases on stdin, what is there on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from monitor.config.application_json import to_document
from monitor.config.source_files import read_sources
from monitor.contract.application import application_sql
from monitor.model.application import SqlPlace, UnreadStatement


def main() -> None:
    """Read `{"directories": […], "databases": […]}` and write `{"fault": "", "applications": {database: …}}`."""
    given = json.load(sys.stdin)
    directories = [Path(directory) for directory in given["directories"]]
    try:
        files, unread = _files(directories)
    except OSError as error:
        answer = {"fault": f"{error.filename}: {error.strerror}", "applications": {}}
        json.dump(answer, sys.stdout)
        return
    applications = {}
    for database in given["databases"]:
        application = application_sql(files, database)
        # What could not be read at all comes first, as in what `check` writes.
        application = replace(application, unread=(*unread, *application.unread))
        applications[database] = to_document(application)
    json.dump({"fault": "", "applications": applications}, sys.stdout)


def _files(
    directories: Sequence[Path],
) -> tuple[list[tuple[str, str]], list[UnreadStatement]]:
    """Read the files of all folders, by names within these; OSError where one of them cannot be read."""
    files: list[tuple[str, str]] = []
    unread: list[UnreadStatement] = []
    for directory in directories:
        found = read_sources(directory)
        # Of several folders each file says which one it is in.
        above = directory if len(directories) == 1 else directory.parent
        for name, content in found.files:
            files.append((_within(above, name), content))
        for name, why in found.unread:
            place = SqlPlace(_within(above, name), 1, "the whole file")
            unread.append(UnreadStatement(place, why))
    return files, unread


def _within(directory: Path, name: str) -> str:
    """Return a name without what is above a folder, and without bytes that are no letters."""
    inside = str(Path(name).relative_to(directory))
    return inside.encode(errors="replace").decode()


if __name__ == "__main__":
    main()
