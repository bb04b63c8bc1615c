"""Which scopes a configuration can have evaluated, without a list of them: of a fleet that has a million; pure."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.alerting.resolved import MOVED
from monitor.model.alerts import Scope
from monitor.model.settings import Config

_NOTHING: frozenset[str] = frozenset()


class Scopes:
    """The scopes of a configuration: the names of the rules that each target and subject can have."""

    def __init__(self, config: Config) -> None:
        self._config = config
        own = config.own_rule_names
        self._rules: dict[tuple[str, str], frozenset[str]] = {("", ""): own}
        for receiver in config.receivers:
            self._rules["", receiver.name] = own
        for target in config.targets:
            self._rules[target.name, ""] = own
        # Equal queries are one object, and there are few of them.
        by_query: dict[int, frozenset[str]] = {}
        for job in config.all_jobs:
            rules = by_query.setdefault(id(job.query), own | job.query.rule_names)
            self._rules[job.key] = rules

    def has(self, scope: Scope) -> bool:
        """Return whether a scope is one of them."""
        return scope.rule in self._rules.get((scope.target, scope.subject), _NOTHING)

    def why_gone(self, scope: Scope) -> str:
        """Return why a scope is none of them: its rule went, or its target is another shard's now."""
        return MOVED if scope.target in self._config.elsewhere else "rule_removed"

    def by_rule_and_target(self) -> Mapping[tuple[str, str], Scope]:
        """Return the scopes of the rules that belong to queries, whose names are unique."""
        found: dict[tuple[str, str], Scope] = {}
        for job in self._config.all_jobs:
            for name in job.query.rule_names:
                found[name, job.target.name] = Scope(name, *job.key)
        return found
