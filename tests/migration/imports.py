"""What an import of a text makes, as values and as one text to be compared whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from monitor.config.data_files import DataError
from monitor.migration.imported import Imported
from monitor.migration.recognition import import_text
from monitor.migration.report import ImportReport
from monitor.migration.toml_writer import config_text, query_text, statement_text


@dataclass(frozen=True, slots=True)
class TextsByName:
    """Files that a configuration names, in memory."""

    texts: Mapping[str, str] = field(default_factory=dict)

    def read(self, name: str) -> str:
        """Return the text of a file."""
        if name not in self.texts:
            raise DataError(f"{name} cannot be read: No such file or directory")
        return self.texts[name]

    def find(self, pattern: str) -> Sequence[str]:
        """Return the names that fit a pattern."""
        return [name for name in sorted(self.texts) if fnmatchcase(name, pattern)]


def imported(
    text: str, *, files: Mapping[str, str] | None = None, **environment: str
) -> tuple[Imported, list[str]]:
    """Return what a configuration becomes, and the lines of the report."""
    report = ImportReport()
    made = import_text("c.yml", text, TextsByName(files or {}), environment, report)
    return made, [remark.text for remark in report.in_order()]


def as_text(made: Imported, lines: Sequence[str]) -> str:
    """Return a report and all files behind it."""
    parts = ["\n".join(lines), f"=== config.toml\n{config_text(made, 'c.yml')}"]
    for query in made.queries:
        parts.append(f"=== {query.name}.sql\n{statement_text(query)}")
        parts.append(f"=== {query.name}.toml\n{query_text(query)}")
    return "\n".join(parts)
