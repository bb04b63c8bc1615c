"""The `needs` that a query does not list: of shipped ones from a file, of own ones derived in a child process.

Only the child imports the parser: it would cost the daemon 8 MB, for what is asked once for each file.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeAlias

from monitor import __version__
from monitor.config.queries.library import Library
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.shipped import shipped_queries_directory
from monitor.config.sql.statement import Template, read_template
from monitor.model.settings import Flavor
from monitor.model.walks import Cursor, Ledger

CACHE: Final = "derived_needs.json"
"""In the state directory: what was derived, by the statements' text."""
SHIPPED: Final = "needs.json"
"""Beside the shipped queries: what they need, as `scripts/derive-needs` wrote it."""
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


def with_needs(library: Library, directory: Path, derive: DeriveNeeds) -> Library:
    """Return the library with the needs of the queries that list none, and notices of those that must.

    `directory` is that of the state.
    """
    shipped: list[str] = []
    own: dict[str, Sequence[str]] = {}
    for name, query in library.queries.items():
        if not _lacks(query):
            continue
        if query.files.shipped:
            shipped.append(name)
        else:
            own[name] = [one.text for one in statements_of(query)]
    derived = _derived_of_shipped(shipped)
    derived.update(derive(directory, own))
    queries = dict(library.queries)
    for name, found in derived.items():
        needs = without_cursor(queries[name], found.needs)
        queries[name] = replace(queries[name], needs=needs)
    notices = (*library.notices, *_asked_for(derived))
    return replace(library, queries=queries, notices=notices)


def statements_of(query: UnboundQuery) -> list[Template]:
    """Return the statements that a run may send: one for each kind of server; not evidence."""
    statements = [query.variants.get(flavor, query.statement) for flavor in Flavor]
    return [read_template(query.read_with(one)) for one in statements]


def without_cursor(query: UnboundQuery, needs: Sequence[str]) -> tuple[str, ...]:
    """Return the needs without the column of a cursor: without it there is another way, or it is said."""
    walk = query.walk
    column = f"{walk.table}.{walk.column}" if isinstance(walk, Cursor | Ledger) else ""
    return tuple(need for need in needs if need != column)


def shipped_needs() -> Mapping[str, Sequence[str]]:
    """Return what each shipped query needs, by its name."""
    path = shipped_queries_directory() / SHIPPED
    found: Mapping[str, Sequence[str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def derive_nothing(_directory: Path, _statements: Statements) -> Mapping[str, Derived]:
    """Return no needs: of own queries those alone count that they list."""
    return {}


def derive_needs(directory: Path, statements: Statements) -> Mapping[str, Derived]:
    """Return the needs of queries: those that are kept, and the others by one child process, which are then kept."""
    keys = {_key(name, texts): name for name, texts in statements.items()}
    kept = _read_cache(directory)
    found = {keys[key]: kept[key] for key in keys.keys() & kept.keys()}
    missing = {name: statements[name] for name in statements.keys() - found.keys()}
    if not missing:
        return found
    try:
        found.update(_ask_child(missing))
    except (OSError, ValueError, LookupError, TypeError) as error:
        fault = Derived(fault=f"the parser did not answer: {error}")
        return {**dict.fromkeys(missing, fault), **found}
    _write_cache(directory, {key: found[name] for key, name in keys.items()})
    return found


def _derived_of_shipped(names: Sequence[str]) -> dict[str, Derived]:
    if not names:
        return {}
    shipped = shipped_needs()
    return {
        name: Derived(
            needs=tuple(shipped.get(name, ())),
        )
        for name in names
    }


def _lacks(query: UnboundQuery) -> bool:
    """Return whether a query lists no needs and may have some."""
    is_listed = "needs" in query.section.data
    words = {token.word for one in statements_of(query) for token in one.tokens}
    return query.is_sound and not is_listed and "FROM" in words


def _asked_for(derived: Mapping[str, Derived]) -> Iterator[str]:
    for name, found in derived.items():
        if found.fault:
            yield (
                f'query "{name}": what it needs cannot be told from its SQL ({found.fault});'
                f' list it in {name}.toml: needs = ["table.column"], or needs = [] for nothing'
            )


def _key(name: str, texts: Sequence[str]) -> str:
    content = json.dumps([__version__, name, *texts])
    return blake2b(content.encode(), digest_size=16).hexdigest()


def _ask_child(statements: Statements) -> Mapping[str, Derived]:
    """Have a child process derive; OSError or ValueError where it does not answer."""
    # Only who has queries of their own that are new, or changed, needs it.
    import subprocess

    # -P: what lies in the working directory is not looked for modules.
    command = [sys.executable, "-P", "-m", CHILD]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command,
            input=json.dumps(statements),
            capture_output=True,
            text=True,
            timeout=_MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"not within {_MAX_SECONDS:g} s") from None
    if done.returncode:
        last_line = done.stderr.strip().rpartition("\n")[2]
        raise ValueError(f"exit code {done.returncode}: {last_line}")
    answer = json.loads(done.stdout)
    return {name: _derived(answer[name]) for name in statements}


def _derived(given: Mapping[str, Any]) -> Derived:
    return Derived(tuple(given["needs"]), given["fault"])


def _read_cache(directory: Path) -> Mapping[str, Derived]:
    """Return what was kept, by the key of its statements; nothing where it cannot be read."""
    try:
        document = json.loads((directory / CACHE).read_text(encoding="utf-8"))
        return {key: _derived(given) for key, given in document.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _write_cache(directory: Path, found: Mapping[str, Derived]) -> None:
    """Keep what was derived, whole or not at all; where it cannot be kept it is derived again at the next load."""
    document = {
        key: {"needs": derived.needs, "fault": derived.fault}
        for key, derived in found.items()
    }
    new = directory / f"{CACHE}.{os.getpid()}.new"
    opener = partial(os.open, mode=0o600)
    try:
        with open(new, "w", encoding="utf-8", opener=opener) as file:
            json.dump(document, file)
        new.replace(directory / CACHE)
    except OSError:
        with suppress(OSError):  # a folder that takes no file lets none go either
            new.unlink(missing_ok=True)
