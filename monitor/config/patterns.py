"""Patterns that choose queries by name, such as `token_*`; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import check_list


def matches_any(name: str, patterns: Collection[str]) -> bool:
    """Return whether one of the patterns fits; capitals count, whatever the system."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def matching(patterns: Collection[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that one of the patterns fits, in their order."""
    return tuple(name for name in names if matches_any(name, patterns))


def check_patterns(
    patterns: Iterable[str],
    queries: Collection[str],
    section: Section,
    key: str,
    problems: Problems,
) -> None:
    """Note each pattern of a list, by its position there, that fits no query."""

    def fault(pattern: str) -> str | None:
        # The default: where there are no queries at all, it is not a mistake.
        if pattern == "*":
            return None
        if any(fnmatchcase(query, pattern) for query in queries):
            return None
        return f'"{pattern}" matches no query{near_miss(pattern, queries)}'

    check_list(section, key, patterns, fault, problems)
