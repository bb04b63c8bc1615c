"""Queries that are part of another one now: one table, and what config.toml says of them put where it belongs; pure.

Between reading config.toml and everything that looks at it, so that nobody else knows a name of before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from monitor.config.patterns import matches_any
from monitor.config.toml.document import Section
from monitor.config.toml.overrides import merge
from monitor.config.toml.problems import Problems
from monitor.timing.durations import parse_duration


@dataclass(frozen=True, slots=True)
class FormerQuery:
    """A query as it was, and what of the one that it is part of came from it."""

    name: str
    now: str
    rules: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    interval: timedelta = timedelta(0)
    """A shorter interval than this, that of the query now, is taken over; a longer one would slow down the rest."""

    @property
    def parts(self) -> frozenset[str]:
        """Return the names of its rules and metrics."""
        return frozenset((*self.rules, *self.metrics))


FORMER_QUERIES: Final = (
    FormerQuery(
        "low_balances",
        now="uninitialized",
        rules=("TokenBalancesLow",),
        metrics=("token_subscribers_below_low_balance",),
        interval=timedelta(minutes=1),
    ),
    FormerQuery(
        "unable_actions",
        now="uninitialized",
        metrics=("token_subscribers_unable",),
        interval=timedelta(minutes=1),
    ),
    FormerQuery(
        "auto_initialized",
        now="balances",
        metrics=("token_subscribers_at_limit",),
    ),
    FormerQuery(
        "refill_loop",
        now="ledger",
        rules=("TokenRefillLoop",),
        interval=timedelta(seconds=30),
    ),
    FormerQuery(
        "subscriptions",
        now="balances",
        rules=("TokenSubscriptionsConflicting",),
        metrics=("token_subscribers_conflicting",),
    ),
)
"""One is a former query only where no query has its name: an operator's own file may."""

MOVED_PARTS: Final = (
    FormerQuery(
        "balances",
        now="uninitialized",
        rules=("TokenSubscribersBlocked", "TokenBalancesNegative"),
        metrics=("token_subscribers_blocked",),
    ),
)
"""What went from a query that is still there to another one."""

_WRITE: Final = "; write that"
_ONLY: Final = ", and this part alone runs here; write that for all of it"
_WITHOUT: Final = ", which runs here without this part"

_TABLES: Final = ("parameters", "metrics", "rules")


@dataclass(frozen=True, slots=True)
class PresentNames:
    """config.toml as if it had been written for the queries that there are, and what it switched off of them."""

    config: Section
    left_out: Mapping[str, frozenset[str]]
    """Rules and metrics by the query that has them now."""


def former_queries(names: Collection[str]) -> tuple[FormerQuery, ...]:
    """Return the former queries, where these are the queries that there are."""
    return tuple(
        former
        for former in FORMER_QUERIES
        if former.name not in names and former.now in names
    )


def parts_of(name: str, names: Collection[str]) -> tuple[FormerQuery, ...]:
    """Return the former queries that are part of a query now."""
    return tuple(former for former in former_queries(names) if former.now == name)


def with_present_names(
    config: Section, names: Collection[str], warnings: Problems
) -> PresentNames:
    """Put `[queries.NAME]` of former queries where it has its effect now; each is a warning with what to write."""
    left_out: dict[str, frozenset[str]] = {}
    for former in former_queries(names):
        given = config.at("queries", former.name)
        if former.name in config.at("queries").data:
            warnings.add(given.origin(), _advice(former, given))
            config = _moved(config, former, _taken_over(former, given))
            if given.data.get("enabled") is False:
                left_out[former.now] = left_out.get(former.now, frozenset()).union(
                    former.parts
                )
    return PresentNames(_with_moved_parts(config, names, warnings), left_out)


def merged_parts(name: str) -> frozenset[str]:
    """Return the rules and metrics that a shipped query has of others."""
    former_ones = (*FORMER_QUERIES, *MOVED_PARTS)
    parts = [former.parts for former in former_ones if former.now == name]
    return frozenset().union(*parts)


def is_chosen(name: str, patterns: Collection[str], names: Collection[str]) -> bool:
    """Return whether a query is chosen by its own name, or by that of one that is part of it now."""
    chosen = (name, *(former.name for former in parts_of(name, names)))
    return any(matches_any(one, patterns) for one in chosen)


def parts_left_out(
    query: tuple[str, Set[str]],
    names: Collection[str],
    patterns: Collection[str],
    exceptions: Collection[str],
) -> set[str]:
    """Return which parts of a chosen query do not run where these patterns choose, and former names may be in them.

    `query` is its name with all its rules and metrics, `names` the queries that there are.
    """
    name, rest = query
    out: set[str] = set()
    is_whole = matches_any(name, patterns)
    for former in parts_of(name, names):
        rest -= former.parts
        is_wanted = is_whole or matches_any(former.name, patterns)
        if not is_wanted or matches_any(former.name, exceptions):
            out |= former.parts
    return out if is_whole else out.union(rest)


def with_present_lists(
    config: Section, names: Collection[str], warnings: Problems
) -> Section:
    """Put the names of now into the heartbeat's list; former ones, there and in those of targets, are warnings.

    A target's own lists choose a part of a query only, so that they stay as they are.
    """
    now = {former.name: former.now for former in former_queries(names)}
    for target in config.at("targets").data:
        table = config.at("targets", target)
        _warn_of(table, "queries", now, _ONLY, warnings)
        _warn_of(table, "except", now, _WITHOUT, warnings)
    heartbeat = config.at("heartbeat")
    if not _warn_of(heartbeat, "queries", now, _WRITE, warnings):
        return config
    queries = [now.get(name, name) for name in heartbeat.data["queries"]]
    present = {**heartbeat.data, "queries": queries}
    return Section({**config.data, "heartbeat": present}, config.origins)


def _warn_of(
    section: Section,
    key: str,
    now: Mapping[str, str],
    advice: str,
    warnings: Problems,
) -> bool:
    """Warn of each former query in a list; return whether there is one."""
    given = section.data.get(key)
    before = len(warnings)
    for position, name in enumerate(given if isinstance(given, list) else ()):
        if isinstance(name, str) and name in now:
            message = f'"{name}" is part of "{now[name]}" now{advice}'
            warnings.add(section.origin(key, position), message)
    return len(warnings) > before


def _advice(former: FormerQuery, given: Section) -> str:
    """Return what to write in place of a table about a former query."""
    said = [f'is part of "{former.now}" now']
    if given.data.get("enabled") is False:
        said += [f"[rules.{rule}] enabled = false" for rule in former.rules]
    said.append(f"write [queries.{former.now}]")
    idle = _idle_keys(former, given)
    if idle:
        said.append(f"without effect: {', '.join(idle)}")
    return "; ".join(said)


def _idle_keys(former: FormerQuery, given: Section) -> list[str]:
    """Return the keys that mean nothing any more."""
    used = {*_TABLES, *_taken_over(former, given).data, "enabled"}
    return [key for key in given.data if key not in used]


def _taken_over(former: FormerQuery, given: Section) -> Section:
    """Return of a former query's table what has its effect on the query that it is part of."""
    data = {key: given.data[key] for key in _TABLES if key in given.data}
    if _is_faster(given.data.get("interval"), former.interval):
        data["interval"] = given.data["interval"]
    return Section(data, given.origins, given.path)


def _is_faster(interval: object, present: timedelta) -> bool:
    try:
        return isinstance(interval, str) and parse_duration(interval) < present
    except ValueError:
        return True  # so that what is wrong with it is said


def _moved(config: Section, former: FormerQuery, part: Section) -> Section:
    """Return config.toml with a part put below the query of now, under what is said of that one itself."""
    queries = dict(config.at("queries").data)
    queries.pop(former.name)
    rest = Section({**config.data, "queries": queries}, config.origins)
    return merge(part.below("queries", former.now), rest)


def _with_moved_parts(
    config: Section, names: Collection[str], warnings: Problems
) -> Section:
    for former in MOVED_PARTS:
        if not {former.name, former.now} <= set(names):
            continue
        for kind, parts in (("rules", former.rules), ("metrics", former.metrics)):
            for part in parts:
                config = _with_moved_part(config, former, kind, part, warnings)
    return config


def _with_moved_part(
    config: Section, former: FormerQuery, kind: str, part: str, warnings: Problems
) -> Section:
    given = config.at("queries", former.name, kind, part)
    if not given.data:
        return config
    message = f'is in "{former.now}" now; write [queries.{former.now}.{kind}.{part}]'
    warnings.add(given.origin(), message)
    data: dict[str, Any] = dict(config.at("queries", former.name).data)
    data[kind] = {name: table for name, table in data[kind].items() if name != part}
    queries = {**config.at("queries").data, former.name: data}
    rest = Section({**config.data, "queries": queries}, config.origins)
    return merge(given.below("queries", former.now, kind, part), rest)
