"""Find what comes with the program: its queries, what they need, and its runbooks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import monitor

SHIPPED_NEEDS: Final = "needs.json"
"""Beside the shipped queries: what they need, as `scripts/derive-needs` wrote it."""


def shipped_queries_directory() -> Path:
    """Return the folder of the shipped queries."""
    return _directory("queries", in_checkout="queries")


def recipes_directory() -> Path:
    """Return the folder of the cookbook's queries, of which each runs where it is named."""
    return _directory("recipes", in_checkout="docs/cookbook/recipes")


def shipped_needs() -> Mapping[str, Sequence[str]]:
    """Return what each shipped query needs, by its name."""
    path = shipped_queries_directory() / SHIPPED_NEEDS
    found: Mapping[str, Sequence[str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def runbook_names() -> frozenset[str]:
    """Return the names of the shipped runbooks; none where the folder is not there."""
    return frozenset(_runbooks())


def read_runbooks() -> dict[str, str]:
    """Read the shipped runbooks: name and text, so that no request names a path."""
    return {name: path.read_text("utf-8") for name, path in _runbooks().items()}


def _runbooks() -> dict[str, Path]:
    directory = _directory("runbooks", in_checkout="docs/runbooks")
    files = {path.stem: path for path in directory.glob("*.md")}
    files.pop("README", None)
    return files


def _directory(name: str, *, in_checkout: str) -> Path:
    """Return a folder in the package, as a wheel has it, or else beside the package."""
    # Not importlib.resources: the folders hold no module, and messages show where they are.
    package = Path(monitor.__file__).parent
    inside = package / name
    if inside.is_dir():
        return inside
    return package.parent / in_checkout
