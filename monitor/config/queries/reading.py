"""The files of one query, and what config.toml lays over them, to a checked draft."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from monitor.config.queries.checks import check_draft
from monitor.config.queries.files import QueryFiles
from monitor.config.queries.metrics import read_metric
from monitor.config.queries.parameters import NEEDS, check_declared
from monitor.config.queries.rules import (
    Subjects,
    UnboundRule,
    read_rule,
    with_hidden_names,
)
from monitor.config.queries.schedules import read_schedule
from monitor.config.queries.schema import QueryShape
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.sql.statement import Template, read_template
from monitor.config.toml.document import Section, tables
from monitor.config.toml.problems import Origin, Problems
from monitor.config.toml.text_files import read_text, shown
from monitor.config.toml.validation import validate
from monitor.model.settings import Flavor, Metric, Scalar, SchemaColumns


def read_query(
    files: QueryFiles, section: Section, base: Path, problems: Problems
) -> UnboundQuery | None:
    """Check one query's merged .toml and its statements; None where too little of it is right."""
    before = len(problems)
    declared = _declared(section)
    extra = frozenset({NEEDS} if "schema" in section.data else ())
    shape = validate(QueryShape, section, problems)
    sound_until = len(problems)
    check_declared(section, declared, problems)
    templates = _templates(files, base, declared, extra, problems)
    is_sql_sound = len(problems) == sound_until and set(declared) == set(
        shape.parameters if shape else ()
    )
    metrics, rules = _metrics_and_rules(section, declared, problems)
    if shape is None:
        return None
    schedule, timeout = read_schedule(shape, section, problems)
    schema = shape.schema_
    draft = UnboundQuery(
        files=files,
        section=section,
        summary=shape.summary,
        enabled=shape.enabled,
        schedule=schedule,
        timeout=timeout,
        max_rows=shape.max_rows,
        needs=tuple(shape.needs),
        parameters=declared,
        statement=templates.get(None, read_template("")),
        variants={
            flavor: template
            for flavor, template in templates.items()
            if flavor is not None
        },
        metrics=metrics,
        rules=rules,
        evidence=read_template(shape.evidence.sql) if shape.evidence else None,
        schema=SchemaColumns(schema.table, schema.column, schema.missing)
        if schema
        else None,
    )
    is_complete = (
        len(rules) == len(section.at("rules").data)
        and is_sql_sound
        and ("evidence" in section.data) == (shape.evidence is not None)
    )
    check_draft(draft, extra, problems, is_complete=is_complete)
    return draft if len(problems) == before else replace(draft, is_sound=False)


def _declared(section: Section) -> dict[str, Scalar]:
    # From the file itself, not from its checked shape: a bad default must not make its name unknown.
    raw = section.at("parameters").data
    return {
        name: value if isinstance(value, (int, float, bool, str)) else name
        for name, value in raw.items()
    }


def _templates(
    files: QueryFiles,
    base: Path,
    declared: Mapping[str, Scalar],
    extra: AbstractSet[str],
    problems: Problems,
) -> dict[Flavor | None, Template]:
    paths: list[tuple[Flavor | None, Path]] = [
        (None, files.sql),
        *files.variants.items(),
    ]
    templates = {}
    for flavor, path in paths:
        text = read_text(path, shown(path, base), problems)
        if text is not None:
            templates[flavor] = template = read_template(text)
            for fault in template.faults(declared, extra):
                problems.add(Origin(shown(path, base), fault.line), fault.message)
    return templates


def _metrics_and_rules(
    section: Section, declared: Mapping[str, Scalar], problems: Problems
) -> tuple[tuple[Metric, ...], tuple[UnboundRule, ...]]:
    metrics: dict[str, Metric] = {}
    broken = set()
    for name, table in tables(section, "metrics", problems):
        metric = read_metric(name, table, problems)
        if metric is None:
            broken.add(name)
        else:
            metrics[name] = metric
    subjects = Subjects(metrics, broken, frozenset(declared))
    found = []
    for name, table in tables(section, "rules", problems):
        rule = read_rule(name, table, subjects, problems)
        if rule is not None:
            found.append(rule)
    drafts, all_metrics = with_hidden_names(found, tuple(metrics.values()))
    return all_metrics, drafts
