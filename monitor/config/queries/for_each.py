"""Read `[for_each]`, the items for which a query is asked once each, before its target is known; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Final

from monitor.config.labels import label_fault
from monitor.config.queries.schema import ForEachSchema
from monitor.config.sql.lexer import Token, code_of, without_trailing_semicolons
from monitor.config.sql.statement import Template, read_template
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import (
    refuse_both,
    require_one_of,
    validate,
)
from monitor.model.for_each import ForEach, QueryItem
from monitor.model.identifiers import identifier_fault
from monitor.model.settings import Metric, Scalar
from monitor.model.statements import placeholder

_OF_ONE_STATEMENT: Final = ("schema", "application", "cursor", "sweep", "ledger")
"""Tables of a query's file that do not go with it."""


@dataclass(frozen=True, slots=True)
class UnboundForEach:
    """For what a query is asked, before a target's parameters are put in; `each` lacks the statement."""

    each: ForEach
    template: Template | None = None

    @property
    def bindable(self) -> frozenset[str]:
        """Return what statements of the query may ask for of an item: its columns, also in braces as names."""
        columns = self.each.columns
        return frozenset((*columns, *map(placeholder, columns)))

    @property
    def columns(self) -> frozenset[str]:
        """Return the columns of an item that statements may ask for."""
        return frozenset(self.each.columns)

    def bind(
        self, values: Mapping[str, Scalar], statements: Iterable[Template]
    ) -> ForEach:
        """Return it as it is on one target; `statements` are those that ask for columns of the items."""
        identifiers: set[str] = set()
        for one in statements:
            identifiers |= self.columns.intersection(one.identifiers)
        statement = None if self.template is None else self.template.statement(values)
        return replace(
            self.each, statement=statement, identifiers=frozenset(identifiers)
        )

    def in_run(self, template: Template) -> Template:
        """Return a statement with the items' columns in braces as parameters, which are bound at each run."""
        tokens = tuple(map(self._as_parameter, template.tokens))
        return replace(template, tokens=tokens)

    def read_with(self, statement: Template) -> str:
        """Return the text of a statement and of that which gives the items, as one that can be parsed.

        A table that only a run knows has a name that none has, so that it is needed nowhere.
        """
        body = _body(map(self._as_unknown, statement.tokens))
        if self.template is None or not _is_query(statement):
            return body
        return f"({_body(self.template.tokens)}\n)\nUNION\n({body}\n)"

    def _as_parameter(self, token: Token) -> Token:
        if not self._is_of_item(token):
            return token
        return replace(token, kind="parameter", name=token.text)

    def _as_unknown(self, token: Token) -> Token:
        if not self._is_of_item(token):
            return token
        return replace(token, text="`of an item`")

    def _is_of_item(self, token: Token) -> bool:
        return token.kind == "identifier" and token.name in self.columns


def _is_query(template: Template) -> bool:
    """Return whether it is a SELECT, and not a SHOW."""
    words = [token.word for token in code_of(template.tokens)]
    return words[:1] in (["SELECT"], ["WITH"])


def _body(tokens: Iterable[Token]) -> str:
    """Return a statement without the semicolon that ends it."""
    kept = without_trailing_semicolons(tuple(tokens))
    return "".join([token.text for token in kept])


def read_for_each(section: Section, problems: Problems) -> UnboundForEach | None:
    """Return for what a query is asked; None where it is asked once."""
    if "for_each" not in section.data:
        return None
    table = section.at("for_each")
    for key in _OF_ONE_STATEMENT:
        if key in section.data:
            message = f"does not go with [{key}]: it is for queries of one statement"
            problems.add(table.origin(), message)
    checked = validate(ForEachSchema, table, problems)
    require_one_of(table, "sql", "items", problems)
    refuse_both(table, "items", "columns", problems)
    label = checked.label or checked.name
    _check_label(label, table, problems)
    items = _read_items(checked, table, problems)
    each = ForEach(
        name=checked.name,
        label=label,
        max_items=checked.max_items,
        columns=_columns(checked, table),
        items=items,
    )
    template = None if checked.sql is None else read_template(checked.sql)
    return UnboundForEach(each, template)


def labelled(
    metric: Metric,
    for_each: UnboundForEach | None,
    section: Section,
    problems: Problems,
) -> Metric:
    """Return a metric with the label of the items, which it must not have itself."""
    if for_each is None:
        return metric
    label = for_each.each.label
    if label in metric.label_names:
        message = f'"{label}" is the label of [for_each], which every metric has'
        problems.add(section.origin(), message)
        return metric
    return replace(metric, labels=(label, *metric.labels))


def check_items(
    for_each: UnboundForEach,
    declared: AbstractSet[str],
    statements: Iterable[Template],
    section: Section,
    problems: Problems,
) -> None:
    """Note of the items of a list what no statement asks for, what one lacks, and what is no name in braces."""
    items = for_each.each.items
    if len(items) != len(section.data.get("items", ())):
        return  # some are wrong in themselves, and what is left has other places
    asked: set[str] = set()
    named: set[str] = set()
    for one in statements:
        asked.update((*one.parameters, *one.identifiers))
        named.update(one.identifiers)
    columns = for_each.columns
    for position, item in enumerate(items):
        for key in item.values.keys() - asked - {for_each.each.name}:
            origin = section.origin("items", position, key)
            problems.add(origin, "is used nowhere in this query")
        for key in columns & asked - item.values.keys() - declared:
            origin = section.origin("items", position)
            problems.add(origin, f'lacks "{key}", which a statement asks for')
        for key in named & item.values.keys():
            fault = identifier_fault(item.values[key])
            if fault:
                origin = section.origin("items", position, key)
                problems.add(origin, f"stands for a name, and {fault}")


def _check_label(label: str, table: Section, problems: Problems) -> None:
    fault = label_fault(label)
    if fault is not None:
        problems.add(table.origin("label"), fault)


def _columns(checked: ForEachSchema, table: Section) -> tuple[str, ...]:
    """Return what statements may ask for; from the file itself, so that a wrong item makes no name unknown."""
    columns = dict.fromkeys((checked.name, *checked.columns))
    for item in _tables_of(table.data.get("items")):
        columns.update(dict.fromkeys(item))
    return tuple(columns)


def _tables_of(items: Any) -> list[Mapping[str, Any]]:
    if not isinstance(items, list):
        return []
    return [item for item in items if isinstance(item, Mapping)]


def _read_items(
    checked: ForEachSchema, table: Section, problems: Problems
) -> tuple[QueryItem, ...]:
    """Return the items of a list that are right."""
    items: dict[str, QueryItem] = {}
    given = checked.items
    if len(given) > checked.max_items:
        message = f"has {len(given)} items; max_items allows {checked.max_items}"
        problems.add(table.origin("items"), message)
    for position, values in enumerate(given):
        fault = _item_fault(checked.name, values, items)
        if fault:
            problems.add(table.origin("items", position), fault)
        else:
            name = str(values[checked.name])
            items[name] = QueryItem(name, values)
    return tuple(items.values())


def _item_fault(
    key: str, values: Mapping[str, Scalar], known: Mapping[str, QueryItem]
) -> str:
    """Return what is wrong with an item beside its values; empty where nothing is."""
    if key not in values:
        return f'has no "{key}", which names it{near_miss(key, values)}'
    name = values[key]
    if isinstance(name, (bool, float)) or not str(name).strip():
        return f'its "{key}" is not a name: {name!r}'
    return f'"{name}" is there twice' if str(name) in known else ""
