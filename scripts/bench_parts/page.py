"""Write what was measured into docs/performance.md and docs/performance/: JSON, a table for each part, plots.

Each part has its place in the page between two markers; a part that was not measured keeps what stands there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.bench_parts.rows import Row, number, row_of

_PAGE = "performance.md"
_RESULTS = "performance/results.json"


def write(docs: Path, rows: Sequence[Row], when: str, plots: Mapping[str, str]) -> None:
    """Renew the parts of the page that the rows are of; `when` says when and on what they were measured."""
    results = docs / _RESULTS
    results.parent.mkdir(exist_ok=True)
    known = json.loads(results.read_text()) if results.exists() else {}
    for part in dict.fromkeys(row.part for row in rows):
        own = [row.document() for row in rows if row.part == part]
        known[part] = {"measured": when, "rows": own}
    results.write_text(_json(known))
    for name, svg in plots.items():
        (results.parent / f"{name}.svg").write_text(svg)
    page = docs / _PAGE
    page.write_text(with_tables(page.read_text(), known))


def _json(results: Mapping[str, Mapping[str, object]]) -> str:
    """Return the results as JSON, a line for each row, so that a change shows what changed."""
    parts = []
    for part, result in sorted(results.items()):
        rows = result["rows"]
        assert isinstance(rows, list)
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        head = json.dumps(result["measured"], ensure_ascii=False)
        parts.append(f'"{part}": {{"measured": {head}, "rows": [\n{lines}\n]}}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def with_tables(text: str, results: Mapping[str, Mapping[str, object]]) -> str:
    """Return the page with the table of each part between its markers, `<!-- bench: PART -->` and `<!-- end -->`."""
    for part, result in results.items():
        text = _with_table(text, part, result)
    return text


def _with_table(text: str, part: str, result: Mapping[str, object]) -> str:
    begin, end = f"<!-- bench: {part} -->\n", "<!-- end -->"
    if begin not in text:
        return text  # a part that the page does not show
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    documents = result["rows"]
    assert isinstance(documents, list)
    table = table_of([row_of(document) for document in documents])
    return f"{before}{begin}{result['measured']}\n\n{table}\n{end}{after}"


def table_of(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown: median, lowest and highest, what it is compared with, the goal."""
    lines = ["| measure | median | range | compared | goal |", "|---|---|---|---|---|"]
    for row in rows:
        compared = "" if row.ratio is None else f"{row.ratio:.2f} × {row.against}"
        spread = ""
        if len(row.samples) > 1:
            spread = f"{number(min(row.samples))} – {number(max(row.samples))}"
        value = f"{number(row.median)} {row.unit}".strip()
        lines.append(
            f"| {row.measure} | {value} | {spread} | {compared} | {row.goal} |"
        )
    return "\n".join(lines)
