"""The files of one query, and what config.toml lays over them, to a checked query without a target."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from monitor.config.queries.checks import check_query
from monitor.config.queries.files import QueryFiles
from monitor.config.queries.for_each import UnboundForEach, labelled, read_for_each
from monitor.config.queries.metrics import read_metric
from monitor.config.queries.parameters import (
    NEEDS,
    TABLES,
    TABLES_PATTERN,
    check_declared,
)
from monitor.config.queries.rule_metrics import RuleSubjects
from monitor.config.queries.rules import read_rules
from monitor.config.queries.schedules import read_schedule
from monitor.config.queries.schema import QuerySchema
from monitor.config.queries.sweeps import check_sweep
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.queries.walks import of_statement, read_walk
from monitor.config.sql.statement import Template, read_template
from monitor.config.toml.document import Section, tables
from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.config.toml.text_files import read_text, shown
from monitor.config.toml.validation import validate
from monitor.model.application import Contract
from monitor.model.settings import Flavor, Metric, Scalar, SchemaColumns
from monitor.model.walks import Sweep, Walk


def read_query(
    files: QueryFiles, section: Section, base: Path, problems: Problems
) -> UnboundQuery:
    """Check one query's merged .toml and its statements; `is_sound` says whether all of it is right."""
    before = len(problems)
    declared = _declared(section)
    checked = validate(QuerySchema, section, problems)
    walk = read_walk(checked, section, problems)
    for_each = read_for_each(section, problems)
    extra = _built_in(section, walk, for_each)
    before_statements = len(problems)
    check_declared(section, declared, problems)
    statement, variants = _templates(files, base, declared, extra, problems)
    walk = None if walk is None else of_statement(walk, statement)
    are_statements_sound = len(problems) == before_statements
    subjects = _subjects(section, declared, for_each, problems)
    rules, metrics = read_rules(section, subjects, problems)
    schedule, timeout = read_schedule(checked, walk, section, problems)
    query = UnboundQuery(
        files=files,
        section=section,
        summary=checked.summary,
        enabled=checked.enabled,
        schedule=schedule,
        timeout=timeout,
        max_rows=checked.max_rows,
        needs=tuple(checked.needs),
        parameters=declared,
        statement=statement,
        variants=variants,
        metrics=metrics,
        rules=rules,
        evidence=read_template(checked.evidence.sql) if checked.evidence else None,
        schema=_schema_columns(checked),
        expects=_expects(checked),
        contract=_contract(checked),
        walk=walk,
        fallback=_fallback(checked),
        accounts=read_template(checked.ledger.accounts) if checked.ledger else None,
        for_each=for_each,
        off_without_right=checked.off_without_right,
    )
    # Where something was left out, "used nowhere" or "fits no rule" might be wrong in its turn.
    is_complete = are_statements_sound and _is_whole(query, checked)
    check_query(query, extra, problems, is_complete=is_complete)
    if are_statements_sound:
        query = check_sweep(_with_shares(query, problems), base, problems)
    return replace(query, is_sound=len(problems) == before)


def _built_in(
    section: Section, walk: Walk | None, for_each: UnboundForEach | None
) -> frozenset[str]:
    """Return what its statements can bind that nobody declares: such as what all queries of its target need."""
    names: set[str] = set()
    if "schema" in section.data:
        names.add(NEEDS)
    if "application" in section.data:
        names.update((TABLES, TABLES_PATTERN))
    if walk is not None:
        names.update((*walk.parameters, *walk.optional))
    if for_each is not None:
        names.update(for_each.bindable)
    return frozenset(names)


def _is_whole(query: UnboundQuery, checked: QuerySchema) -> bool:
    """Return whether nothing of the file was left out because it is wrong."""
    given = query.section
    return (
        set(query.parameters) == set(checked.parameters)
        and len(query.rules) == len(given.at("rules").data)
        and ("evidence" in given.data) == (checked.evidence is not None)
    )


def _fallback(checked: QuerySchema) -> Template | None:
    cursor = checked.cursor
    if cursor is None or cursor.fallback is None:
        return None
    return read_template(cursor.fallback)


def _expects(checked: QuerySchema) -> tuple[str, ...]:
    return () if checked.schema_ is None else tuple(checked.schema_.expects)


def _contract(checked: QuerySchema) -> Contract | None:
    given = checked.application
    if given is None:
        return None
    return Contract(given.table, given.column, given.type, given.folded)


def _schema_columns(checked: QuerySchema) -> SchemaColumns | None:
    schema = checked.schema_
    if schema is None:
        return None
    return SchemaColumns(
        table=schema.table,
        column=schema.column,
        missing=schema.missing,
    )


def _declared(section: Section) -> dict[str, Scalar]:
    # From the file itself, not from what is checked: a bad default must not make its name unknown.
    declared: dict[str, Scalar] = {}
    for name, value in section.at("parameters").data.items():
        is_scalar = isinstance(value, (int, float, bool, str))
        declared[name] = value if is_scalar else name
    return declared


def _templates(
    files: QueryFiles,
    base: Path,
    declared: Mapping[str, Scalar],
    extra: AbstractSet[str],
    problems: Problems,
) -> tuple[Template, dict[Flavor, Template]]:
    """Return the statement of a query, and those for one kind of server each."""
    statement = _template(files.sql, base, declared, extra, problems)
    variants = {}
    for flavor, path in files.variants.items():
        variants[flavor] = _template(path, base, declared, extra, problems)
    return statement, variants


def _template(
    path: Path,
    base: Path,
    declared: Mapping[str, Scalar],
    extra: AbstractSet[str],
    problems: Problems,
) -> Template:
    """Read one statement and note its faults; an empty one where it cannot be read."""
    file = shown(path, base)
    text = read_text(path, file, problems)
    if text is None:
        return read_template("")
    template = read_template(text)
    for fault in template.faults(declared, extra):
        problems.add(Origin(file, fault.line), fault.message)
    return template


def _subjects(
    section: Section,
    declared: Mapping[str, Scalar],
    for_each: UnboundForEach | None,
    problems: Problems,
) -> RuleSubjects:
    """Return what the rules of this query may be about: its metrics and parameters."""
    metrics: dict[str, Metric] = {}
    broken = set()
    for name, table in tables(section, "metrics", problems):
        metric = read_metric(name, table, problems)
        if metric is None:
            broken.add(name)
        else:
            metrics[name] = labelled(metric, for_each, table, problems)
    label = "" if for_each is None else for_each.each.label
    return RuleSubjects(metrics, broken, declared, item_label=label)


def _with_shares(query: UnboundQuery, problems: Problems) -> UnboundQuery:
    """Return the query, and note a metric with `per` that is not a share of a sum of its sweep."""
    divisors = {metric.name: metric.per for metric in query.metrics}
    for name, divisor in divisors.items():
        fault = _share_fault(query, divisors, divisor)
        if fault:
            origin = query.section.origin("metrics", name, "per")
            problems.add(origin, fault)
    return query


def _share_fault(query: UnboundQuery, divisors: dict[str, str], divisor: str) -> str:
    """Return what is wrong with the divisor of a metric; empty where nothing is, or there is none."""
    if not divisor:
        return ""
    if not isinstance(query.walk, Sweep):
        return "goes with [sweep] only"
    # A share of a share is no number that anybody knows.
    if divisors.get(divisor) == "":
        return ""
    suggestion = near_miss(divisor, divisors)
    return f'"{divisor}" is no sum of the query{suggestion}'
