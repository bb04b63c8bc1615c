"""Words that a metric knows: as numbers, or as states; compared without regard to case; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems


def words_of(
    states: Mapping[str, float], section: Section, problems: Problems
) -> dict[str, float]:
    """Return the numbers that words stand for, by the words in small letters."""
    check_words(states, section, problems)
    return {word.casefold(): number for word, number in states.items()}


def check_words(words: Iterable[str], section: Section, problems: Problems) -> None:
    """Note a word that is there twice, be it in capitals."""
    seen: set[str] = set()
    for word in words:
        folded = word.casefold()
        if folded in seen:
            message = f'has "{word}" twice; words are compared without regard to case'
            problems.add(section.origin("states"), message)
        seen.add(folded)
