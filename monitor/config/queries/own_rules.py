"""The rules about the monitor itself, from their own file and overrides to rules."""

from __future__ import annotations

from pathlib import Path

from monitor.config.queries.rules import Subjects, read_rule, with_hidden_names
from monitor.config.queries.schema import OwnMetricShape
from monitor.config.toml.document import Section, read_document, tables
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import validate
from monitor.model.settings import Metric, Rule


def own_section(problems: Problems) -> Section | None:
    """Read the file of the monitor's own rules."""
    path = Path(__file__).with_name("own_rules.toml")
    return read_document(path, path.name, problems)


def read_own_rules(section: Section, problems: Problems) -> tuple[Rule, ...]:
    """Check the monitor's own rules, overrides laid over them."""
    metrics = {}
    for name, table in tables(section, "metrics", problems):
        shape = validate(OwnMetricShape, table, problems)
        if shape is not None:
            metrics[name] = Metric(
                name, shape.help, labels=tuple(shape.labels), value=name
            )
    subjects = Subjects(metrics, has_columns=False)
    found = []
    for name, table in tables(section, "rules", problems):
        for key in ("needs", "evidence"):
            if key in table.data:
                problems.add(table.origin(key), "a rule of the monitor itself has none")
        rule = read_rule(name, table, subjects, problems)
        if rule is not None:
            found.append(rule)
    drafts, _ = with_hidden_names(found, tuple(metrics.values()))
    return tuple(draft.rule for draft in drafts if draft.enabled)
