"""The faces of the rooms: whatever one room calls of another says what it does, in the words agreed upon."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "monitor"

# A docstring says what a function does for its caller: Return, Compute, Read, Send …
NOT_VERBS_OF_A_FUNCTION = ("Give", "Gives", "Say", "Says", "Tell", "Tells")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


TREES = {
    module_of(path): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}


@functools.cache
def imported(module: str) -> tuple[tuple[str, str], ...]:
    """Return what a module imports of ours: the module it is taken from, and the name."""
    return tuple(
        (node.module or "", alias.name)
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.ImportFrom) and (node.module or "") in TREES
        for alias in node.names
    )


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def definition(module: str, name: str) -> Definition | None:
    """Find a class or function where it is defined, also behind the names that a package hands on."""
    for node in TREES[module].body:
        if isinstance(node, Definition) and node.name == name:
            return node
    for origin, other in imported(module):
        if other == name:
            return definition(origin, name)
    return None


def faces() -> dict[str, Definition]:
    """Return each class and function that another room imports."""
    found: dict[str, Definition] = {}
    for module in TREES:
        for origin, name in imported(module):
            if room_of(origin) != room_of(module):
                node = definition(origin, name)
                if node is not None:
                    found[f"{origin}.{name}"] = node
    return found


def members(node: Definition) -> Iterator[tuple[str, Definition]]:
    """Yield a definition, and of a class its public methods."""
    yield "", node
    if isinstance(node, ast.ClassDef):
        for inside in node.body:
            if isinstance(inside, Definition) and not inside.name.startswith("_"):
                yield f".{inside.name}", inside


@pytest.mark.parametrize("room", sorted({room_of(module) for module in TREES} - {""}))
def test_what_other_rooms_call_says_what_it_does(room: str) -> None:
    silent = [
        name + part
        for name, face in faces().items()
        if room_of(name) == room
        for part, node in members(face)
        if not ast.get_docstring(node)
    ]
    assert silent == []


@pytest.mark.parametrize("folder", ["monitor", "tests"])
def test_a_docstring_begins_with_what_is_done(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (ast.get_docstring(node) or "-").split()[0] in NOT_VERBS_OF_A_FUNCTION
    ]
    assert wrong == []
