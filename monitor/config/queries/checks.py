"""What must hold between the parts of one query: needs, evidence, and that no parameter is idle; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final

from monitor.config.queries.binding import NAME_PARAMETER
from monitor.config.queries.cursor_metrics import check_cursor_metrics
from monitor.config.queries.for_each import UnboundForEach, check_items
from monitor.config.queries.metric_kinds import check_kinds
from monitor.config.queries.rates import check_rates
from monitor.config.queries.rule_statements import (
    check_evidence,
    check_repaired,
    check_statement,
)
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.queries.walks import check_walk
from monitor.config.sql.statement import name_fault
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import check_list
from monitor.model.settings import Scalar
from monitor.model.walks import Ledger

_PART: Final = r"(?:\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_$]*)"
_NEED: Final = re.compile(rf"{_PART}\.{_PART}")


def check_query(
    query: UnboundQuery,
    extra: AbstractSet[str],
    problems: Problems,
    *,
    is_complete: bool,
) -> None:
    """Check a query as a whole; `extra` are names that statements may bind, beside the parameters.

    What could be wrong only for want of a broken rule is checked where all of them are there.
    """
    need_fault = partial(_need_fault, query.parameters)
    check_list(query.section, "needs", query.needs, need_fault, problems)
    schema = query.section.at("schema")
    check_list(schema, "expects", query.expects, need_fault, problems)
    if query.walk is not None:
        check_walk(
            query.walk, query.section, query.walked_templates, need_fault, problems
        )
    check_cursor_metrics(query.exported_metrics, query.walk, query.section, problems)
    check_kinds(query.exported_metrics, query.walk, query.section, problems)
    if query.fallback is not None:
        origin = query.section.origin("cursor", "fallback")
        check_statement(query, query.fallback, origin, frozenset(), problems)
    if query.accounts is not None:
        origin = query.section.origin("ledger", "accounts")
        users = frozenset({Ledger.accounts})
        check_statement(query, query.accounts, origin, users, problems)
    if query.for_each is not None:
        _check_for_each(query, query.for_each, problems)
    for rule in query.rules:
        check_list(rule.section, "needs", rule.needs, need_fault, problems)
        check_evidence(query, rule, extra, problems)
        check_repaired(query, rule, problems)
    check_rates(query, problems)
    if is_complete:
        _check_query_evidence(query, extra, problems)
        _check_idle_parameters(query, problems)


def _check_for_each(
    query: UnboundQuery, for_each: UnboundForEach, problems: Problems
) -> None:
    section = query.section.at("for_each")
    if for_each.template is not None:
        # It is what gives the items, so that it has parameters of the query alone.
        origin = section.origin("sql")
        check_statement(query, for_each.template, origin, frozenset(), problems)
    declared = query.parameters.keys()
    check_items(for_each, declared, query.templates, section, problems)


def _need_fault(parameters: Mapping[str, Scalar], need: str) -> str | None:
    """Return why this is not a column of a table, or None where it is; `{users}.id` is one too."""
    if _NEED.fullmatch(need) is None:
        return f'"{need}" is not a column; allowed: "table.column"'
    for name in NAME_PARAMETER.findall(need):
        if name not in parameters:
            return f'unknown parameter "{{{name}}}"{near_miss(name, parameters)}'
        fault = name_fault(f"{{{name}}}", parameters[name])
        if fault is not None:
            return fault
    return None


def _check_query_evidence(
    query: UnboundQuery, extra: AbstractSet[str], problems: Problems
) -> None:
    """Check the evidence that a query has for all its rules: it must fit one of them."""
    evidence = query.evidence
    if evidence is None:
        return
    origin = query.section.origin("evidence", "sql")
    known = extra | query.judged_labels
    if not check_statement(query, evidence, origin, known, problems):
        return
    if any(query.fits(evidence, rule.rule) for rule in query.rules):
        return
    asked = [f":{name}" for name in evidence.parameters if name not in query.parameters]
    if asked:
        labels = ", ".join(asked)
        problems.add(origin, f"fits no rule: none has all of the labels {labels}")
    else:
        problems.add(origin, "no rule uses it")


def _check_idle_parameters(query: UnboundQuery, problems: Problems) -> None:
    # A parameter without effect is a threshold that somebody believes in.
    for name in query.parameters.keys() - query.used_parameters:
        origin = query.section.origin("parameters", name)
        problems.add(origin, "is used nowhere in this query")
