"""Find what comes with the program: its queries and its runbooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import monitor


def shipped_queries_directory() -> Path:
    """Return the folder of the shipped queries."""
    return _directory("queries", in_checkout="queries")


def runbook_names() -> frozenset[str]:
    """Return the names of the shipped runbooks; none where the folder is not there."""
    return frozenset(path.stem for path in _runbooks())


def read_runbooks() -> dict[str, str]:
    """Read the shipped runbooks: name and text, so that no request names a path."""
    return {path.stem: path.read_text(encoding="utf-8") for path in _runbooks()}


def _runbooks() -> Iterator[Path]:
    directory = _directory("runbooks", in_checkout="docs/runbooks")
    for path in directory.glob("*.md"):
        if path.stem != "README":
            yield path


def _directory(name: str, *, in_checkout: str) -> Path:
    """Return a folder in the package, as a wheel has it, or else beside the package."""
    package = Path(monitor.__file__).parent
    inside = package / name
    if inside.is_dir():
        return inside
    return package.parent / in_checkout
