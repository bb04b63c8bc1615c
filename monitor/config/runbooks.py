"""Find the runbooks that come with the program: in the package, or in the documentation of a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import monitor


def runbooks_directory() -> Path:
    """Return the folder of the runbooks."""
    package = Path(monitor.__file__).parent
    inside = package / "runbooks"
    return inside if inside.is_dir() else package.parent / "docs" / "runbooks"


def runbook_names() -> frozenset[str]:
    """Return the names of the shipped runbooks; none where the folder is not there."""
    return frozenset(path.stem for path in _files())


def read_runbooks() -> dict[str, str]:
    """Read the shipped runbooks: name and text, so that no request names a path."""
    return {path.stem: path.read_text(encoding="utf-8") for path in _files()}


def _files() -> Iterator[Path]:
    return (path for path in runbooks_directory().glob("*.md") if path.stem != "README")
