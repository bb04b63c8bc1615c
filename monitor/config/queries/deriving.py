"""Derive what own queries need in a child process, and keep it: for loads, until the statements change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from monitor import __version__
from monitor.config.children import BAD_ANSWER, ask_child, keep, read_kept
from monitor.config.queries.derived_needs import Derived, Statements

CACHE: Final = "derived_needs.json"
"""In the state directory: what was derived, by the statements' text."""
CHILD: Final = "monitor.contract.derive"
"""The module that derives: statements by name on stdin, needs by name on stdout, as JSON."""
_MAX_SECONDS: Final = 30.0


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
