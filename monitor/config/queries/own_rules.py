"""The rules about the monitor itself, from their own file and overrides to rules."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

from monitor.config.queries.relations import check_explained
from monitor.config.queries.rule_metrics import RuleSubjects
from monitor.config.queries.rules import read_rules
from monitor.config.queries.schema import OwnMetricSchema
from monitor.config.toml.document import Section, read_document, tables
from monitor.config.toml.problems import Origin, Problems
from monitor.config.toml.validation import validate
from monitor.model.settings import Metric, Rule

# In the format of a query's file, so that operators change them as any rule (ADR 0012).
_FILE = Path(__file__).with_name("own_rules.toml")


def own_section(problems: Problems) -> Section:
    """Read the file of the monitor's own rules; empty where the package lacks it, which is noted."""
    section = read_document(_FILE, _FILE.name, problems)
    if section is None:
        return Section({}, {(): Origin(_FILE.name)})
    return section


def read_own_rules(
    section: Section, names: AbstractSet[str], problems: Problems
) -> tuple[Rule, ...]:
    """Check the monitor's own rules, overrides laid over them; those that are switched off are left out.

    `names` are those of the rules of all queries, which they may explain.
    """
    metrics = {}
    for name, table in tables(section, "metrics", problems):
        checked = validate(OwnMetricSchema, table, problems)
        metrics[name] = Metric(
            name=name,
            help=checked.help,
            labels=tuple(checked.labels),
            value=name,
        )
    subjects = RuleSubjects(metrics, of_monitor=True)
    rules, _ = read_rules(section, subjects, problems)
    for rule in rules:
        # Our own file may name a rule of a shipped query that somebody replaced.
        if rule.section.origin("explains").file != _FILE.name:
            check_explained(rule, names, problems)
    return tuple(unbound.rule for unbound in rules if unbound.enabled)
