"""A configuration of each program, in the style of those that are published: report and files as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migration.imports import as_text, imported

FOLDER = Path(__file__).parent.parent / "testdata" / "import"
FILES = {
    "query_exporter": "config.yaml",
    "sql_exporter": "sql_exporter.yml",
    "justwatch": "config.yml",
}


@pytest.mark.parametrize("program", FILES)
def test_report_and_files_are_as_expected(program: str) -> None:
    folder = FOLDER / program
    others = {
        path.name: path.read_text(encoding="utf-8")
        for path in folder.glob("*.collector.yml")
    }
    text = (folder / FILES[program]).read_text(encoding="utf-8")
    found = as_text(*imported(text, files=others, SHOP_PASSWORD="secret"))
    assert found == (folder / "expected.txt").read_text(encoding="utf-8")
