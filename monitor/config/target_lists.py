"""Lists of targets as Prometheus's file_sd and http_sd have them: read from files and answers, shape checked."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from monitor.config.data_files import DataError, Lines, parse_json, parse_yaml
from monitor.config.toml.document import Section
from monitor.config.toml.lines import KeyPath
from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.config.toml.text_files import read_text, shown
from monitor.config.toml.wording import found
from monitor.model.discovery import FileMark, TargetsFiles
from monitor.model.errors import ConfigError

HTTP_SD: Final = "http_sd"
"""What messages name in place of a file."""
_KEYS: Final = ("targets", "labels")
_SUFFIXES: Final = {".json": parse_json, ".yml": parse_yaml, ".yaml": parse_yaml}


def marks_of(pattern: str, base: Path) -> dict[Path, FileMark]:
    """Return the files that fit a pattern, each with the mark of how it is now; in order of their names."""
    marks: dict[Path, FileMark] = {}
    for name in sorted(glob.glob(pattern, root_dir=base)):  # noqa: PTH207 -- it takes absolute patterns too
        path = base / name
        try:
            stat = path.stat()
        except OSError:
            marks[path] = ()  # it is just being replaced, or a link leads nowhere
            continue
        # With the change of the inode: a file that may be read again is another one.
        marks[path] = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
    return marks


def read_files(
    pattern: str, base: Path, origin: Origin, problems: Problems
) -> tuple[TargetsFiles, list[Section]]:
    """Read every file that fits, and return their groups; no file, and no target in all of them, is a problem.

    Never silently nothing: who moves a folder has not said that nothing is to be watched.
    """
    files = TargetsFiles(pattern, base, marks_of(pattern, base))
    before = len(problems)
    groups: list[Section] = []
    for path in files.marks:
        groups += _groups_in_file(path, shown(path, base), problems)
    if not files.marks:
        problems.add(origin, f'no file fits "{pattern}"')
    elif len(problems) == before and not has_targets(groups):
        problems.add(origin, f'no file that fits "{pattern}" names a target')
    return files, groups


def read_answer(text: str) -> tuple[Section, ...]:
    """Return the groups of an answer of http_sd; ConfigError where it is no list, or names no target."""
    problems = Problems()
    origin = Origin(HTTP_SD)
    groups = _parsed(text, parse_json, {(): origin}, problems)
    if not len(problems) and not has_targets(groups):
        problems.add(origin, "the answer names no target")
    if len(problems):
        raise ConfigError(problems.in_order())
    return tuple(groups)


def has_targets(groups: list[Section]) -> bool:
    """Return whether any of the groups names a target."""
    return any(group.data.get("targets") for group in groups)


def _groups_in_file(path: Path, file: str, problems: Problems) -> list[Section]:
    parse = _SUFFIXES.get(path.suffix)
    if parse is None:
        allowed = ", ".join(_SUFFIXES)
        problems.add(
            Origin(file), f"is no list of targets by its name; allowed: {allowed}"
        )
        return []
    text = read_text(path, file, problems)
    if text is None:
        return []
    return _parsed(text, parse, Lines(file, text), problems)


def _parsed(
    text: str,
    parse: Callable[[str], object],
    origins: Mapping[KeyPath, Origin],
    problems: Problems,
) -> list[Section]:
    try:
        return _groups_in(parse(text), origins, problems)
    except DataError as error:
        file = origins[()].file
        problems.add(Origin(file, error.line), str(error))
        return []


def _groups_in(
    document: object, origins: Mapping[KeyPath, Origin], problems: Problems
) -> list[Section]:
    """Return the groups of a list, each as a section; what has another shape is noted and left out."""
    top = Section({}, origins)
    if not isinstance(document, list):
        said = "is empty" if document is None else "is not a list"
        problems.add(top.origin(), f"{said}; allowed: a list of targets and labels")
        return []
    groups = []
    for position, item in enumerate(document):
        before = len(problems)
        if not isinstance(item, Mapping):
            message = f"{found(item)}; allowed: targets and labels"
            problems.add(top.origin(position), message)
            continue
        group = Section(item, origins, (position,))
        _check_group(group, problems)
        if len(problems) == before:
            groups.append(group)
    return groups


def _check_group(group: Section, problems: Problems) -> None:
    for key in group.data.keys() - set(_KEYS):
        message = f"unknown key{near_miss(str(key), _KEYS)}"
        problems.add(group.origin(str(key)), message)
    for position, address in enumerate(_list_at(group, "targets", problems)):
        if not isinstance(address, str):
            # Not what it is: it may be an address with a password in it.
            message = 'allowed: "host:port", in quotes'
            problems.add(group.origin("targets", position), message)
    for name, value in _table_at(group, "labels", problems).items():
        # Both are text, or YAML has made something else of them.
        if {type(name), type(value)} != {str}:
            message = f"{found(value)}; allowed: text, in quotes"
            problems.add(group.origin("labels", str(name)), message)


def _list_at(group: Section, key: str, problems: Problems) -> Sequence[object]:
    value = group.data.get(key, [])
    if isinstance(value, list):
        return value
    message = f'{found(value)}; allowed: a list of "host:port"'
    problems.add(group.origin(key), message)
    return []


def _table_at(group: Section, key: str, problems: Problems) -> Mapping[object, object]:
    value = group.data.get(key, {})
    if isinstance(value, Mapping):
        return value
    message = f"{found(value)}; allowed: label names and values"
    problems.add(group.origin(key), message)
    return {}
