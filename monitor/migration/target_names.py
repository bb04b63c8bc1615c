"""Give each target a name of its own: two jobs may name one, and each writes a table and a file of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from monitor.migration.imported import ImportedTarget
from monitor.migration.report import ImportReport


def named_apart(
    targets: Iterable[ImportedTarget], report: ImportReport
) -> list[ImportedTarget]:
    """Return the targets, each with its own name and its own file for the password.

    One that is there already with the same keys, and runs none of its queries at other times, gets the queries of
    both; any other has a new name, which is told.
    """
    found: dict[str, ImportedTarget] = {}
    for target in targets:
        known = found.get(target.name, target)
        if _is_same(known, target):
            queries = dict.fromkeys([*known.queries, *target.queries])
            schedules = {**known.schedules, **target.schedules}
            found[target.name] = replace(
                known, queries=list(queries), schedules=schedules
            )
            continue
        name = _free(target.name, found)
        message = f'there is a target "{target.name}" already: this one, and its label target, is "{name}"'
        report.left(target.origin, message)
        found[name] = replace(target, name=name)
    return _with_own_files(found.values())


def _is_same(one: ImportedTarget, other: ImportedTarget) -> bool:
    both = one.schedules.keys() & other.schedules.keys()
    has_one_time = all(one.schedules[name] == other.schedules[name] for name in both)
    is_one_place = (one.keys, one.password) == (other.keys, other.password)
    return is_one_place and has_one_time


def _with_own_files(targets: Iterable[ImportedTarget]) -> list[ImportedTarget]:
    """Return the targets, no two with one file for their passwords."""
    taken: dict[str, ImportedTarget] = {}
    apart = []
    for target in targets:
        file = target.password_file
        if file in taken:
            file = _free(file, taken)
            target = replace(target, keys={**target.keys, "password_file": file})
        if file:
            taken[file] = target
        apart.append(target)
    return apart


def _free(name: str, taken: dict[str, ImportedTarget]) -> str:
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
