"""A checked query before a target is known, and its binding to one target's parameters; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from monitor.config.queries.files import QueryFiles
from monitor.config.queries.parameters import NEEDS
from monitor.config.queries.rules import UnboundRule
from monitor.config.sql.statement import Template
from monitor.config.toml.document import Section
from monitor.model.settings import (
    ColumnName,
    Cron,
    Every,
    Flavor,
    Metric,
    Query,
    Rule,
    Scalar,
    SchemaColumns,
    Statement,
)

NAME_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class UnboundQuery:
    """One query as its files say, with overrides, before a target's parameters are put in."""

    files: QueryFiles
    section: Section
    summary: str
    enabled: bool
    schedule: Every | Cron
    timeout: timedelta
    max_rows: int
    needs: tuple[str, ...]
    parameters: Mapping[str, Scalar]
    statement: Template
    variants: Mapping[Flavor, Template]
    metrics: tuple[Metric, ...]
    rules: tuple[UnboundRule, ...]
    evidence: Template | None
    schema: SchemaColumns | None
    is_sound: bool = True
    """Whether it can be bound; one with problems is only checked against the others."""

    @property
    def name(self) -> str:
        """Give the query's name."""
        return self.files.name

    @property
    def active_rules(self) -> tuple[UnboundRule, ...]:
        """List the rules that are not switched off."""
        return tuple(rule for rule in self.rules if rule.enabled)

    @property
    def identifiers(self) -> frozenset[str]:
        """Name the parameters that stand somewhere for the name of a table or column."""
        texts = [*self.needs, *(need for rule in self.rules for need in rule.needs)]
        names = {name for text in texts for name in NAME_PARAMETER.findall(text)}
        return frozenset(
            names.union(*(template.identifiers for template in self.templates))
        )

    @property
    def templates(self) -> tuple[Template, ...]:
        """List every statement of the query, evidence too."""
        own = [rule.evidence for rule in self.rules]
        found = [self.statement, *self.variants.values(), self.evidence, *own]
        return tuple(template for template in found if template is not None)

    def labels_of(self, rule: Rule) -> tuple[str, ...]:
        """Name the labels of the samples that a rule of this query judges."""
        return next(
            metric.label_names for metric in self.metrics if metric.name == rule.metric
        )

    def needed_columns(self, values: Mapping[str, Scalar]) -> tuple[ColumnName, ...]:
        """List the columns that the query and its active rules cannot do without, sorted."""
        texts = [
            *self.needs,
            *(need for rule in self.active_rules for need in rule.needs),
        ]
        return _columns(texts, values)

    def bind(self, values: Mapping[str, Scalar], needs_json: str) -> Query:
        """Make the query as it is on one target."""
        has_needs = any(NEEDS in template.parameters for template in self.templates)
        return Query(
            name=self.name,
            summary=self.summary,
            statement=self.statement.statement(values),
            schedule=self.schedule,
            timeout=self.timeout,
            max_rows=self.max_rows,
            source=self.files.toml,
            shipped=self.files.shipped,
            variants={
                flavor: template.statement(values)
                for flavor, template in self.variants.items()
            },
            parameters={**values, NEEDS: needs_json} if has_needs else dict(values),
            needs=_columns(self.needs, values),
            metrics=self.metrics,
            rules=tuple(
                replace(
                    draft.rule,
                    needs=_columns(draft.needs, values),
                    evidence=self._evidence_of(draft, values),
                )
                for draft in self.active_rules
            ),
            schema=self.schema,
        )

    def fits(self, evidence: Template, rule: Rule) -> bool:
        """Tell whether a rule's labels and the parameters are all that a statement asks for."""
        return set(evidence.parameters) <= {
            *self.parameters,
            NEEDS,
            *self.labels_of(rule),
        }

    def _evidence_of(
        self, draft: UnboundRule, values: Mapping[str, Scalar]
    ) -> Statement | None:
        if draft.evidence is not None:
            return draft.evidence.statement(values)
        if self.evidence is not None and self.fits(self.evidence, draft.rule):
            return self.evidence.statement(values)
        return None


def _columns(
    texts: Iterable[str], values: Mapping[str, Scalar]
) -> tuple[ColumnName, ...]:
    columns = set()
    for text in texts:
        table, _, column = NAME_PARAMETER.sub(
            lambda match: str(values[match[1]]), text
        ).partition(".")
        columns.add(ColumnName(table, column))
    return tuple(sorted(columns, key=str))
