"""The `needs` of queries that list none: derived from their statements in a child process, kept until they change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeAlias

from monitor import __version__
from monitor.config.children import BAD_ANSWER, ask_child, keep, read_kept
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.shipped import shipped_needs
from monitor.config.sql.statement import Template, read_template
from monitor.model.settings import Flavor
from monitor.model.walks import Cursor, Ledger

CACHE: Final = "derived_needs.json"
"""In the state directory: what was derived, by the statements' text."""
CHILD: Final = "monitor.contract.derive"
"""The module that derives: statements by name on stdin, needs by name on stdout, as JSON."""
_MAX_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Derived:
    """What the statements of a query need; where that cannot be told, why."""

    needs: tuple[str, ...] = ()
    fault: str = ""


Statements: TypeAlias = Mapping[str, Sequence[str]]
"""The statements of each query, by its name."""
DeriveNeeds: TypeAlias = Callable[[Path, Statements], Mapping[str, Derived]]
"""Derives the needs of queries; it may keep what it found in the state directory, which it is given first."""


def needs_of_shipped(names: Sequence[str]) -> dict[str, Derived]:
    """Return what shipped queries need; a program without them has no file of it either."""
    if not names:
        return {}
    shipped = shipped_needs()
    return {name: Derived(tuple(shipped.get(name, ()))) for name in names}


def derive_nothing(_directory: Path, _statements: Statements) -> Mapping[str, Derived]:
    """Return no needs: of own queries those alone count that they list."""
    return {}


def derive_needs(directory: Path, statements: Statements) -> Mapping[str, Derived]:
    """Return the needs of queries: those that are kept, and the others by one child process, which are then kept."""
    kept = _read_cache(directory)
    keys = {name: _key(name, texts) for name, texts in statements.items()}
    found: dict[str, Derived] = {}
    missing: dict[str, Sequence[str]] = {}
    for name, key in keys.items():
        if key in kept:
            found[name] = kept[key]
        else:
            missing[name] = statements[name]
    if not missing:
        return found
    try:
        answer = ask_child(CHILD, missing, _MAX_SECONDS)
        found.update({name: _derived(answer[name]) for name in missing})
    except BAD_ANSWER as error:
        fault = Derived(fault=f"the parser did not answer: {error}")
        return {**dict.fromkeys(missing, fault), **found}
    document = {key: asdict(found[name]) for name, key in keys.items()}
    keep(document, directory / CACHE)
    return found


def statements_of(query: UnboundQuery) -> list[Template]:
    """Return the statements that a run may send: one for each kind of server; not evidence."""
    statements = [query.variants.get(flavor, query.statement) for flavor in Flavor]
    return [read_template(query.read_with(one)) for one in statements]


def without_cursor(query: UnboundQuery, needs: Sequence[str]) -> tuple[str, ...]:
    """Return the needs without the column of a cursor: without it there is another way, or it is said."""
    walk = query.walk
    column = f"{walk.table}.{walk.column}" if isinstance(walk, Cursor | Ledger) else ""
    return tuple(need for need in needs if need != column)


def _key(name: str, texts: Sequence[str]) -> str:
    content = json.dumps([__version__, name, *texts])
    return blake2b(content.encode(), digest_size=16).hexdigest()


def _read_cache(directory: Path) -> Mapping[str, Derived]:
    """Return what was kept, by the key of its statements; nothing where it cannot be read."""
    try:
        document = read_kept(directory / CACHE)
        return {key: _derived(given) for key, given in document.items()}
    except BAD_ANSWER:
        return {}


def _derived(given: Mapping[str, Any]) -> Derived:
    return Derived(tuple(given["needs"]), given["fault"])
