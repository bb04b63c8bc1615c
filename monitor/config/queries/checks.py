"""What must hold between the parts of one query: needs, evidence, and that no parameter is idle; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from monitor.config.queries.unbound import NAME_PARAMETER, UnboundQuery
from monitor.config.sql.statement import IDENTIFIER_GRAMMAR, Template, is_identifier
from monitor.config.toml.problems import Origin, Problems, near_miss

_PART = r"(?:\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_$]*)"
_NEED = re.compile(rf"{_PART}\.{_PART}")


def check_draft(
    draft: UnboundQuery,
    extra: AbstractSet[str],
    problems: Problems,
    *,
    is_complete: bool,
) -> None:
    """Check a query as a whole; what could be wrong only for want of a broken rule needs all of them."""
    _check_needs(draft, draft.needs, draft.section.origin("needs"), problems)
    for rule in draft.rules:
        _check_needs(draft, rule.needs, rule.section.origin("needs"), problems)
        if rule.evidence is not None:
            labels = {*extra, *draft.labels_of(rule.rule)}
            _check_statement(
                draft, rule.evidence, rule.section.origin("evidence"), labels, problems
            )
    if is_complete:
        _check_query_evidence(draft, extra, problems)
        _check_idle_parameters(draft, problems)


def _check_needs(
    draft: UnboundQuery, needs: Iterable[str], origin: Origin, problems: Problems
) -> None:
    for position, need in enumerate(needs):
        place = Origin(origin.file, origin.line, (*origin.key, position))
        if _NEED.fullmatch(need) is None:
            problems.add(place, f'"{need}" is not a column; allowed: "table.column"')
            continue
        for name in NAME_PARAMETER.findall(need):
            if name not in draft.parameters:
                known = draft.parameters
                problems.add(
                    place, f'unknown parameter "{{{name}}}"{near_miss(name, known)}'
                )
            elif not is_identifier(draft.parameters[name]):
                value = draft.parameters[name]
                problems.add(
                    place,
                    f'{{{name}}} stands for "{value}", which is not a name; allowed: {IDENTIFIER_GRAMMAR}',
                )


def _check_statement(
    draft: UnboundQuery,
    template: Template,
    origin: Origin,
    extra: AbstractSet[str],
    problems: Problems,
) -> bool:
    faults = template.faults(draft.parameters, extra)
    for fault in faults:
        where = f"line {fault.line} of the statement: " if fault.line > 1 else ""
        problems.add(origin, f"{where}{fault.message}")
    return not faults


def _check_query_evidence(
    draft: UnboundQuery, extra: AbstractSet[str], problems: Problems
) -> None:
    if draft.evidence is None:
        return
    origin = draft.section.origin("evidence", "sql")
    labels = {label for rule in draft.rules for label in draft.labels_of(rule.rule)}
    is_sound = _check_statement(
        draft, draft.evidence, origin, {*extra, *labels}, problems
    )
    if is_sound and not any(
        draft.fits(draft.evidence, rule.rule) for rule in draft.rules
    ):
        asked = [
            f":{name}"
            for name in draft.evidence.parameters
            if name not in draft.parameters
        ]
        message = (
            f"fits no rule: none has all of the labels {', '.join(asked)}"
            if asked
            else "no rule uses it"
        )
        problems.add(origin, message)


def _check_idle_parameters(draft: UnboundQuery, problems: Problems) -> None:
    used = set(draft.identifiers)
    used.update(*(template.parameters for template in draft.templates))
    used.update(*(rule.text_names for rule in draft.rules))
    for name in draft.parameters:
        if name not in used:
            problems.add(
                draft.section.origin("parameters", name),
                "is used nowhere in this query",
            )
