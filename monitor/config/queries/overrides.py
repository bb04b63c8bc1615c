"""What config.toml lays over the files of queries: of all targets by its top, of one by that target's table; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from monitor.config.toml.document import Section, tables
from monitor.config.toml.overrides import merge
from monitor.config.toml.problems import Problems


@dataclass(frozen=True, slots=True)
class Overrides:
    """What is said of queries and of rules, by their names."""

    queries: Mapping[str, Section]
    rules: Mapping[str, Section]

    @classmethod
    def of(cls, section: Section, problems: Problems) -> Overrides:
        """Read them from the top of config.toml, or from a target's table."""
        return cls(
            queries=dict(tables(section, "queries", problems)),
            rules=dict(tables(section, "rules", problems)),
        )

    def over_query(self, name: str, section: Section) -> Section:
        """Lay them over one query's file."""
        override = self.queries.get(name)
        if override is not None:
            # Its parameters are a layer of values; they declare nothing.
            section = merge(section, override.without("parameters"))
        return self.over_rules(section)

    def over_rules(self, section: Section) -> Section:
        """Lay what is said of rules over those that a file has."""
        for name in section.at("rules").data:
            if name in self.rules:
                section = merge(section, self.rules[name].below("rules", name))
        return section

    def all_rules(self) -> Iterator[tuple[str, Section]]:
        """Yield what is said of each rule, also below its query, with its name."""
        yield from self.rules.items()
        for section in self.queries.values():
            for name in section.at("rules").data:
                yield name, section.at("rules", name)

    def said_of(self, name: str, section: Section) -> list[Section]:
        """Return what they say of one query and of its rules."""
        rules = section.at("rules").data
        said = [self.rules[rule] for rule in rules if rule in self.rules]
        if name in self.queries:
            said.append(self.queries[name].without("parameters"))
        return [one for one in said if one.data]
