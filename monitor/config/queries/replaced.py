"""What an operator's own query takes from a shipped one of which it was a query of its own before; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Final

from monitor.config.former_names import FORMER_QUERIES, MOVED_PARTS, merged_parts
from monitor.config.queries.files import QueryFiles
from monitor.config.toml.document import Section

_ALL: Final = (*FORMER_QUERIES, *MOVED_PARTS)


def replaced_parts(
    files: Mapping[str, QueryFiles], sections: Mapping[str, Section]
) -> dict[str, set[str]]:
    """Return the rules and metrics that shipped queries leave to the operator's own, by the shipped query.

    Who replaced a shipped query goes on with it also where its rules are in another one now.
    """
    own, given = _own(files), _parts(sections)
    found: dict[str, set[str]] = {}
    for former in _ALL:
        if former.name in own and former.now not in own:
            parts = former.parts & given.get(former.name, frozenset())
            found.setdefault(former.now, set()).update(parts)
    return found


def lost_parts(replaced: Set[str], sections: Mapping[str, Section]) -> Iterator[str]:
    """Yield notices of the shipped queries of which more has become and that are replaced as they were."""
    given = frozenset().union(*_parts(sections).values())
    for name in sorted(replaced):
        lost = merged_parts(name) - given
        if lost:
            yield _notice(name, lost)


def _notice(name: str, parts: Iterable[str]) -> str:
    names = ", ".join(sorted(parts))
    replaces = f'query "{name}" replaces the shipped one, which has more in it now'
    return (
        f"{replaces}: nothing gives {names};"
        " give yours another name, and its rules and metrics too"
    )


def _parts(sections: Mapping[str, Section]) -> dict[str, frozenset[str]]:
    """Return the rules and metrics of each query that is not switched off."""
    parts = {}
    for name, section in sections.items():
        if section.data.get("enabled") is False:
            continue
        rules = section.at("rules").data
        metrics = section.at("metrics").data
        parts[name] = frozenset((*rules, *metrics))
    return parts


def _own(files: Mapping[str, QueryFiles]) -> frozenset[str]:
    return frozenset(name for name, query in files.items() if not query.shipped)
