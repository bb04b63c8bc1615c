"""The texts of a rule: which names may stand in braces in each, and which are asked for; pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from monitor.config.queries.rule_metrics import RuleSubjects
from monitor.config.queries.schema import RuleSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.model import populations
from monitor.model.alert_text import names_in
from monitor.model.detectors import DETECTORS

TEXT_NAMES: Final = ("value", "target", "since", "count", "threshold", "query")
"""What the texts of every alert can name, beside labels, details and parameters."""
# Of several alerts no detail is known, and no one value.
_GROUP_NAMES: Final = ("total", "count", "threshold", "target")


def detail_fault(name: str) -> str | None:
    """Return why a column cannot be a detail, or None where it can."""
    if name in TEXT_NAMES:
        return f"{{{name}}} means something else in texts"
    return None


def check_texts(
    checked: RuleSchema,
    labels: Iterable[str],
    subjects: RuleSubjects,
    section: Section,
    problems: Problems,
) -> tuple[str, ...]:
    """Check every text of a rule, and return the names that they ask for, each once; `labels`: of its alerts."""
    of_both = {*labels, *subjects.parameters}
    of_alert = {*of_both, *TEXT_NAMES, *checked.details, *_of_detector(section)}
    if checked.population is not None:
        of_alert.update(populations.TEXT_NAMES)
    of_group = {*of_both, *_GROUP_NAMES}
    asked: list[str] = []
    for keys, text in _texts_of_one(checked).items():
        asked += _names_in(text, of_alert, section.origin(*keys), problems)
    origin = section.origin("group_summary")
    for name in _names_in(checked.group_summary, of_group, origin, problems):
        if name not in _GROUP_NAMES:
            asked.append(name)
    return tuple(dict.fromkeys(asked))


def _of_detector(section: Section) -> tuple[str, ...]:
    """Return the names of what a detector says of its findings; none of a plain comparison."""
    given = (kind.texts for kind in DETECTORS if kind.key in section.data)
    return next(given, ())


def _texts_of_one(checked: RuleSchema) -> dict[tuple[str, ...], str]:
    """Return the texts about one alert by their keys."""
    texts: dict[tuple[str, ...], str] = {
        ("summary",): checked.summary,
        ("resolved_summary",): checked.resolved_summary,
        ("description",): checked.description,
        ("runbook",): checked.runbook,
    }
    for name, text in checked.annotations.items():
        texts["annotations", name] = text
    return texts


def _names_in(
    text: str, known: AbstractSet[str], origin: Origin, problems: Problems
) -> Iterable[str]:
    try:
        names = names_in(text)
    except ValueError as error:
        problems.add(origin, str(error))
        return ()
    for name in names:
        if name not in known:
            problems.add(origin, f"unknown name {{{name}}}{near_miss(name, known)}")
    return names
