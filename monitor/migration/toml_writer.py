"""Write what was imported as our files; the last step of an import."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from monitor.migration.imported import Imported, ImportedQuery, ImportedTarget

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


def config_text(imported: Imported, file: str) -> str:
    """Return the text of config.toml."""
    lines = [
        f"# Imported from {file} of {imported.kind}.",
        'query_dirs = ["queries"]',
        "shipped_queries = false",
    ]
    if imported.web:
        lines += ["", "[web]", *_keys(imported.web)]
    for target in imported.targets:
        lines += ["", *_target_lines(target)]
    return _joined(lines)


def query_text(query: ImportedQuery) -> str:
    """Return the text of NAME.toml."""
    lines = [*_keys(query.keys)]
    tables = {
        "parameters": query.parameters,
        "for_each": query.for_each,
    }
    for name, table in tables.items():
        if table:
            lines += ["", f"[{name}]", *_keys(table)]
    for metric in query.metrics:
        lines += ["", f"[metrics.{_key(metric.name)}]", *_keys(metric.keys)]
    return _joined(lines)


def statement_text(query: ImportedQuery) -> str:
    """Return the text of NAME.sql."""
    return f"{query.sql}\n"


def _target_lines(target: ImportedTarget) -> Iterator[str]:
    table = f"targets.{_key(target.name)}"
    yield f"[{table}]"
    yield from _keys({**target.keys, target.queries_key: list(target.queries)})
    for name, keys in target.own_schedules.items():
        yield ""
        yield f"[{table}.queries.{_key(name)}]"
        yield from _keys(keys)


def _keys(table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        yield f"{_key(key)} = {_value(value)}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    match value:
        case Mapping():
            return f"{{ {', '.join(_keys(value))} }}"
        case list():
            return f"[{', '.join(_value(item) for item in value)}]"
        case _:
            # JSON writes them as TOML does, but for one character that it lets stand.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
