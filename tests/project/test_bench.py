"""The bench's frame: its parts, its page against its results, its plots."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts.bench_fleet import ratios
from scripts.bench_parts.__main__ import ONLY_BY_NAME, PARTS
from scripts.bench_parts.page import table_of, with_tables, write
from scripts.bench_parts.plots import bars, lines
from scripts.bench_parts.rows import Row

_DOCS = Path(__file__).parents[2] / "docs"
_ROW = Row("cost", "a minute", "ms", (3.0, 1.0, 2.0), (4.0,), "theirs", "≤ 5")
_PAGE = """# Figures

<!-- bench: cost -->
of another day
<!-- end -->

Prose.

<!-- bench: start -->
kept
<!-- end -->
"""


@pytest.mark.parametrize("part", [*PARTS, *ONLY_BY_NAME])
def test_each_part_is_a_module_and_described(part: str) -> None:
    assert callable(importlib.import_module(f"scripts.bench_parts.{part}").run)
    assert f"| `{part}` |" in (_DOCS / "development.md").read_text()


def test_a_part_that_was_measured_is_renewed_and_all_else_stays(tmp_path: Path) -> None:
    (tmp_path / "performance.md").write_text(_PAGE)

    write(tmp_path, [_ROW], "today", {"cost": "<svg/>"})

    assert (tmp_path / "performance.md").read_text() == _PAGE.replace(
        "of another day", f"today\n\n{table_of([_ROW])}"
    )
    assert (tmp_path / "performance" / "cost.svg").read_text() == "<svg/>"
    results = json.loads((tmp_path / "performance" / "results.json").read_text())
    assert results["cost"]["rows"][0]["median"] == 2.0


def test_a_row_shows_median_range_ratio_and_goal() -> None:
    assert table_of([_ROW]).splitlines()[-1] == (
        "| a minute | 2 ms | 1 – 3 | 0.50 × theirs | ≤ 5 |"
    )


def test_the_page_shows_its_results() -> None:
    text = (_DOCS / "performance.md").read_text()
    results = json.loads((_DOCS / "performance" / "results.json").read_text())

    assert with_tables(text, results) == text
    assert all(f"<!-- bench: {part} -->" in text for part in results)


@pytest.mark.parametrize("values", [{}, {"a": 0.0}, {"a <b>": 1.0, "b": 900.0}])
def test_plots_are_whole_svg_files(values: dict[str, float]) -> None:
    series = {name: [value, 2 * value] for name, value in values.items()}

    for text in (bars("T & t", "ms", values), lines("T & t", "ms", "minute", series)):
        shown = [element.text for element in ElementTree.fromstring(text).iter()]
        assert set(values) <= set(shown)


def test_a_fleet_is_compared_with_a_loop_of_its_queries_and_with_one_of_all_it_sends() -> (
    None
):
    # Half of the 16 runs a second that were due.
    found = {"cpu": 0.06, "runs_a_second": 8.0, "bare_cpu": 0.02}

    assert ratios(found, 120) == {"ratio_to_bare": 6.0}
    assert ratios(found | {"bare_cpu_all_statements": 0.06}, 120) == {
        "ratio_to_bare": 6.0,
        "ratio_to_bare_all_statements": 2.0,
    }
