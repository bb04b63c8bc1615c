"""A checked query before a target is known, and its binding to one target's parameters; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from monitor.config.queries.binding import NAME_PARAMETER, bound_columns, bound_walk
from monitor.config.queries.files import QueryFiles
from monitor.config.queries.for_each import UnboundForEach
from monitor.config.queries.parameters import NEEDS, tables_of
from monitor.config.queries.thresholds import RuleThresholds
from monitor.config.sql.statement import Template
from monitor.config.toml.document import Section
from monitor.model.application import Contract
from monitor.model.for_each import ForEach
from monitor.model.schedules import QuerySchedule
from monitor.model.settings import (
    ColumnName,
    Flavor,
    Metric,
    Query,
    Rule,
    Scalar,
    SchemaColumns,
    Statement,
)
from monitor.model.statements import Repaired
from monitor.model.walks import WHOLE_TABLE, Sweep, Walk


@dataclass(frozen=True, slots=True)
class UnboundRule:
    """A checked rule before a target is known: `rule` lacks needs and evidence; its thresholds are the defaults."""

    rule: Rule
    thresholds: RuleThresholds
    section: Section
    enabled: bool
    needs: tuple[str, ...]
    evidence: Template | None
    text_names: tuple[str, ...]
    """Every name that its texts ask for."""
    details: tuple[str, ...] = ()
    """Which columns its findings bring along as text; evidence takes each for a list."""
    repaired: Template | None = None
    is_endless: bool = False
    """Whether it finds a counter above a number."""


@dataclass(frozen=True, slots=True)
class UnboundQuery:
    """One query as its files say, with overrides, before a target's parameters are put in."""

    files: QueryFiles
    section: Section
    summary: str
    enabled: bool
    schedule: QuerySchedule
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
    expects: tuple[str, ...] = ()
    """Which columns a schema query looks for by itself, beside those that queries need."""
    contract: Contract | None = None
    """Of a query that looks whether there is what the application names: without that yet."""
    walk: Walk | None = None
    """Its column as the file has it, with parameters in braces."""
    fallback: Template | None = None
    """What a query with a cursor runs where the column cannot serve."""
    accounts: Template | None = None
    """What a ledger reads of the users that it tracks."""
    for_each: UnboundForEach | None = None
    """For what it is asked, once each; None: it is asked once."""
    off_without_right: bool = False
    left_out: frozenset[str] = frozenset()
    """Its rules and metrics that are left to others."""
    only_here: str = ""
    """What a target alone lays over it, as text; empty where that is nothing."""
    is_sound: bool = True
    """Whether it can be bound; one with problems is only checked against the others."""

    @property
    def name(self) -> str:
        """Return the query's name."""
        return self.files.name

    @property
    def is_runnable(self) -> bool:
        """Return whether it can be bound, and is not switched off."""
        return self.enabled and self.is_sound

    @property
    def active_rules(self) -> tuple[UnboundRule, ...]:
        """Return the rules that are not switched off."""
        return tuple(rule for rule in self.rules if rule.enabled)

    @property
    def exported_metrics(self) -> tuple[Metric, ...]:
        """Return the metrics that are on /metrics; the others are for rules only."""
        return tuple(metric for metric in self.metrics if metric.exported)

    @property
    def judged_labels(self) -> frozenset[str]:
        """Return every label that the samples of some rule have."""
        return frozenset().union(*(self.labels_of(rule.rule) for rule in self.rules))

    @property
    def used_parameters(self) -> frozenset[str]:
        """Return every name that a statement, a need, or a text or threshold of a rule asks for."""
        names = set(self.identifiers)
        for template in self.templates:
            names.update(template.parameters)
        for rule in self.rules:
            names.update((*rule.text_names, *rule.thresholds.parameters))
        return frozenset(names)

    @property
    def label_names(self) -> frozenset[str]:
        """Return every label that its samples or its active rules have."""
        names: set[str] = set()
        for metric in self.metrics:
            names.update(metric.label_names)
        for rule in self.active_rules:
            names.update(rule.rule.labels)
        return frozenset(names)

    @property
    def needs_columns(self) -> bool:
        """Return whether there are columns that it, or an active rule, cannot do without."""
        return bool(_all_needs(self.needs, self.active_rules))

    @property
    def identifiers(self) -> frozenset[str]:
        """Return the parameters that stand somewhere for the name of a table or column."""
        names: set[str] = set()
        texts = _all_needs(self.needs, self.rules)
        if self.walk is not None:
            texts += [self.walk.table, self.walk.column]
        texts += self.expects
        for text in texts:
            names.update(NAME_PARAMETER.findall(text))
        for template in self.templates:
            names.update(template.identifiers)
        return frozenset(names)

    @property
    def templates(self) -> tuple[Template, ...]:
        """Return every statement of the query, evidence too."""
        evidence = [self.evidence, *(rule.evidence for rule in self.rules)]
        evidence += [self.fallback, self.accounts]
        evidence += [rule.repaired for rule in self.rules]
        if self.for_each is not None:
            evidence.append(self.for_each.template)
        return (
            self.statement,
            *self.variants.values(),
            *(template for template in evidence if template is not None),
        )

    @property
    def parts(self) -> frozenset[str]:
        """Return the names of all its rules and exported metrics."""
        rules = (rule.rule.name for rule in self.rules)
        return frozenset((*rules, *(metric.name for metric in self.exported_metrics)))

    def read_with(self, statement: Template) -> str:
        """Return a statement with what the same run reads beside it, as one: for who asks what is needed."""
        if self.accounts is not None:
            return f"{statement.text}\nUNION\n{self.accounts.text}"
        if self.for_each is not None:
            return self.for_each.read_with(statement)
        return statement.text

    def leaving_out(self, parts: Collection[str]) -> UnboundQuery:
        """Return the query without these rules, and with these metrics for rules only."""
        if not parts:
            return self
        rules = tuple(
            replace(rule, enabled=False) if rule.rule.name in parts else rule
            for rule in self.rules
        )
        metrics = tuple(
            replace(metric, exported=False) if metric.name in parts else metric
            for metric in self.metrics
        )
        left_out = self.left_out.union(parts)
        return replace(self, rules=rules, metrics=metrics, left_out=left_out)

    @property
    def walked_templates(self) -> tuple[Template, ...]:
        """Return the statements that a walk binds its ends into; of a sweep also evidence, looked up in a piece."""
        if isinstance(self.walk, Sweep):
            return self.templates
        return (self.statement, *self.variants.values())

    @property
    def statements_by_file(self) -> Mapping[Path, Template]:
        """Return the statements for each kind of server, by their files."""
        found = {self.files.sql: self.statement}
        for flavor, template in self.variants.items():
            path = self.files.variants[flavor]
            found[path] = template
        return found

    def labels_of(self, rule: Rule) -> tuple[str, ...]:
        """Return the labels of the samples that a rule of this query judges."""
        if rule.is_of_total:
            return tuple(name for name, _ in rule.where)
        by_name = {metric.name: metric.label_names for metric in self.metrics}
        return by_name[rule.metric]

    def needed_columns(self, values: Mapping[str, Scalar]) -> tuple[ColumnName, ...]:
        """Return the columns that the query and its active rules cannot do without, sorted."""
        return bound_columns(_all_needs(self.needs, self.active_rules), values)

    def told_columns(
        self, values: Mapping[str, Scalar], needed: Set[ColumnName]
    ) -> Set[ColumnName]:
        """Return the columns of which a rule of it tells that they are missing; `needed` are those of its target."""
        if self.schema is None or not self.active_rules:
            return frozenset()
        expected = frozenset(bound_columns(self.expects, values))
        return expected | needed if self.asks_for_needs else expected

    @property
    def asks_for_needs(self) -> bool:
        """Return whether it is told what all queries of its target need."""
        return any(NEEDS in template.parameters for template in self.templates)

    def bind(
        self,
        values: Mapping[str, Scalar],
        needs_json: str,
        contract: Contract | None = None,
    ) -> Query:
        """Return the query as it is on one target, in sessions of UTC.

        `needs_json` is what a schema query looks for: every column that is needed there. `contract` is what
        one with a contract compares with.
        """
        parameters = dict(values)
        # Only where it is asked for: two targets with other needs can then still share the query.
        if self.asks_for_needs:
            parameters[NEEDS] = needs_json
        if contract is not None:
            parameters |= tables_of(contract.application)
        if isinstance(self.walk, Sweep):
            # For who looks at the statement alone: as if the table were one piece.
            parameters |= WHOLE_TABLE
        variants = {
            flavor: self._of_run(template).statement(values)
            for flavor, template in self.variants.items()
        }
        rules = tuple(self._bind_rule(rule, values) for rule in self.active_rules)
        return Query(
            name=self.name,
            summary=self.summary,
            statement=self._of_run(self.statement).statement(values),
            schedule=self.schedule,
            timeout=self.timeout,
            max_rows=self.max_rows,
            source=self.files.toml,
            shipped=self.files.shipped,
            variants=variants,
            parameters=parameters,
            needs=bound_columns(self.needs, values),
            metrics=self.metrics,
            rules=rules,
            schema=self.schema,
            contract=contract,
            off_without_right=self.off_without_right,
            walk=bound_walk(self.walk, values),
            fallback=None if self.fallback is None else self.fallback.statement(values),
            accounts=None if self.accounts is None else self.accounts.statement(values),
            for_each=self._bound_for_each(values),
        )

    def fits(self, evidence: Template, rule: Rule) -> bool:
        """Return whether a rule's labels and the parameters are all that a statement asks for."""
        # A label of the finding has the word over a parameter of that name (ADR 0004).
        known = {*self.parameters, NEEDS, *self.labels_of(rule)}
        if self.walk is not None:
            known.update(self.walk.parameters)
        known.update(self.item_columns)
        return known.issuperset(evidence.parameters)

    @property
    def item_columns(self) -> frozenset[str]:
        """Return what its statements may ask for of the item for which they are run."""
        return frozenset() if self.for_each is None else self.for_each.columns

    def _of_run(self, template: Template) -> Template:
        """Return a statement with the names in braces that only a run knows as parameters."""
        return template if self.for_each is None else self.for_each.in_run(template)

    def _bound_for_each(self, values: Mapping[str, Scalar]) -> ForEach | None:
        if self.for_each is None:
            return None
        return self.for_each.bind(values, self.templates)

    def _bind_rule(self, unbound: UnboundRule, values: Mapping[str, Scalar]) -> Rule:
        return replace(
            unbound.thresholds.put_into(unbound.rule, values),
            needs=bound_columns(unbound.needs, values),
            evidence=self._evidence_of(unbound, values),
            repaired=_repaired(unbound, values),
        )

    def _evidence_of(
        self, unbound: UnboundRule, values: Mapping[str, Scalar]
    ) -> Statement | None:
        """Return the rule's own evidence, or else that of the query where it fits the rule (ADR 0004)."""
        if unbound.evidence is not None:
            return self._of_run(unbound.evidence).statement(values)
        if unbound.rule.detector is not None:
            return None  # that of the query is of what its rules find in the run
        if self.evidence is not None and self.fits(self.evidence, unbound.rule):
            return self._of_run(self.evidence).statement(values)
        return None


def _repaired(unbound: UnboundRule, values: Mapping[str, Scalar]) -> Repaired | None:
    """Return how those that left are told from those that were repaired."""
    if unbound.repaired is None:
        return None
    asked = set(unbound.repaired.parameters)
    # Exactly one is checked at load.
    members = asked.intersection(unbound.details)
    return Repaired(unbound.repaired.statement(values), min(members, default=""))


def _all_needs(needs: Iterable[str], rules: Iterable[UnboundRule]) -> list[str]:
    """Return what a query needs, and what its rules need beside that."""
    texts = [*needs]
    for rule in rules:
        texts += rule.needs
    return texts
