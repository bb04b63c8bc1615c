"""Check the statements that a query's .toml has itself: evidence, and who was repaired; pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from monitor.config.queries.unbound import UnboundQuery, UnboundRule
from monitor.config.sql.statement import Template
from monitor.config.toml.problems import Origin, Problems
from monitor.model.walks import Sweep


def check_statement(
    query: UnboundQuery,
    template: Template,
    origin: Origin,
    extra: AbstractSet[str],
    problems: Problems,
) -> bool:
    """Return whether a statement in a .toml is right; its lines are counted within it."""
    faults = template.faults(query.parameters, extra)
    for fault in faults:
        where = f"line {fault.line} of the statement: " if fault.line > 1 else ""
        problems.add(origin, f"{where}{fault.message}")
    return not faults


def check_evidence(
    query: UnboundQuery, rule: UnboundRule, extra: AbstractSet[str], problems: Problems
) -> None:
    """Check the evidence that a rule has of its own, if it has one; `extra` is what else it may ask for."""
    template = rule.evidence
    if template is None:
        return
    origin = rule.section.origin("evidence")
    known = {*extra, *query.labels_of(rule.rule)}
    if rule.rule.detector is None:
        known.update(rule.details)
    elif isinstance(query.walk, Sweep):
        # In a sweep it would be looked up in the piece that proves something, and here none does.
        problems.add(origin, "goes in a sweep with a plain comparison only")
    elif query.for_each is not None:
        # It is looked up by the run after, of which the items are not those of the finding.
        known -= query.for_each.bindable - set(query.labels_of(rule.rule))
    check_statement(query, template, origin, known, problems)


def check_repaired(query: UnboundQuery, rule: UnboundRule, problems: Problems) -> None:
    """Check the statement that says who of those that a rule found earlier was repaired, if it has one."""
    template = rule.repaired
    if template is None:
        return
    origin = rule.section.origin("repaired")
    if query.walk is not None:
        problems.add(origin, "goes with a query of one statement only")
    known = {*query.labels_of(rule.rule), *rule.details}
    check_statement(query, template, origin, known, problems)
    lists = [name for name in template.parameters if name in rule.details]
    if len(lists) != 1:
        message = (
            "asks for exactly one of the details, the list of those found: IN :name"
        )
        problems.add(origin, message)
