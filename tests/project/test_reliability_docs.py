"""The page of faults against the tests, both ways: every line has its test, every test its line."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "reliability.md"
FAULTS = range(1, 66)

_TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def lines() -> Iterator[list[str]]:
    """Yield the cells of every line of the tables, without the heads."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not set(line) <= set("|-: ") and cells[0] != "#":
            yield cells


def named() -> list[tuple[str, str]]:
    return [test for cells in lines() for test in _TEST.findall(cells[-1])]


def functions_in(pattern: str) -> set[tuple[str, str]]:
    """List the test functions of the files that match."""
    return {
        (path.name, node.name)
        for path in TESTS.rglob(pattern)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_line_has_four_cells_and_names_a_test() -> None:
    for cells in lines():
        assert len(cells) == 4, cells
        assert _TEST.search(cells[3]), cells
        assert all(cells)


def test_every_test_that_is_named_exists() -> None:
    assert set(named()) - functions_in("test_*.py") == set()


def test_every_test_of_a_fault_is_named() -> None:
    assert functions_in("test_faults_*.py") - set(named()) == set()


def test_every_fault_has_its_line() -> None:
    numbers = Counter(int(cells[0]) for cells in lines() if cells[0].isdigit())
    assert sorted(numbers) == list(FAULTS)
    assert set(numbers.values()) == {1}
