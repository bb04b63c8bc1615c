"""No type name stands for two things, and no name lies."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def types_in(tree: ast.AST) -> Iterator[str]:
    """Yield the names of the classes and type aliases that a module defines, without what marks them private."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name.lstrip("_")
        elif (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.annotation, ast.Name)
            and node.annotation.id == "TypeAlias"
        ):
            yield node.target.id.lstrip("_")


def test_no_type_name_stands_for_two_things() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "monitor").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name in types_in(tree):
            places[name].append(str(path.relative_to(ROOT)))
    twice = [f"{name}: {', '.join(at)}" for name, at in places.items() if len(at) > 1]
    assert not twice, "\n".join(twice)


def test_what_is_asked_as_a_question_is_answered_by_yes_or_no() -> None:
    lying = []
    for path in sorted((ROOT / "monitor").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or node.returns is None:
                continue
            is_question = node.name.lstrip("_").startswith(("is_", "has_"))
            answer = ast.unparse(node.returns)
            is_yes_or_no = answer == "bool" or answer.startswith("TypeGuard[")
            if is_question and not is_yes_or_no:
                lying.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}")
    assert not lying, "\n".join(lying)
