"""Bind derived values to targets: which queries give their inputs there; a step of the load; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final

from monitor.config.patterns import matches_any
from monitor.config.queries.derived import UnboundDerived
from monitor.config.queries.derived_inputs import GivenInput
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.selection import Selection
from monitor.config.targets import check_labels
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import check_list
from monitor.model.derivations import Derivation, DerivedInput
from monitor.model.schedules import OnResults
from monitor.model.settings import Job
from monitor.timing.durations import format_duration

_ONE_ONLY: Final = "all inputs name their target, so the value can be of one only"
_OF_WHICH: Final = (
    "the inputs are of several targets: say of which of them the value is,"
    ' such as targets = ["{}"]'
)


@dataclass(slots=True)
class BoundDerived:
    """The jobs of all derived values, and what is worth a line of them."""

    jobs: list[Job] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Giver:
    """One target, and the query there that gives each metric."""

    selection: Selection
    queries: Mapping[str, UnboundQuery]

    def gives(self, inputs: Iterable[GivenInput]) -> bool:
        """Return whether all of these metrics are to be had here."""
        return {one.metric for one in inputs} <= self.queries.keys()


_Givers = Mapping[str, _Giver]


def bind_derived(
    derived: Iterable[UnboundDerived],
    selections: Iterable[Selection],
    own: Iterable[Selection],
    problems: Problems,
) -> BoundDerived:
    """Return the derived values of each target; `own` are the selections of this shard, of all of them."""
    givers = {one.entry.name: _giver(one) for one in selections}
    here = {one.entry.name for one in own}
    bound = BoundDerived()
    for one in derived:
        if one.query.is_runnable:
            _bind(one, givers, here, bound, problems)
    return bound


def _giver(selection: Selection) -> _Giver:
    queries: dict[str, UnboundQuery] = {}
    for query in selection.queries.values():
        for metric in query.metrics:
            queries[metric.name] = query
    return _Giver(selection, queries)


def _bind(
    one: UnboundDerived,
    givers: _Givers,
    here: Collection[str],
    bound: BoundDerived,
    problems: Problems,
) -> None:
    """Put a value's jobs on the targets of this shard to those that are bound."""
    before = len(problems)
    chosen = _targets_of(one, givers, problems)
    jobs = [_job(one, target, givers, problems) for target in chosen]
    if not jobs and len(problems) == before:
        bound.notices.append(f'derived value "{one.name}": no target has all inputs')
    for job in filter(None, jobs):
        if job.target.name not in here:
            continue
        elsewhere = {given.target for given in job.query.derived_by.inputs} - set(here)
        if elsewhere:
            bound.warnings.append(_unseen(job, elsewhere))
        else:
            bound.jobs.append(job)


def _unseen(job: Job, elsewhere: Collection[str]) -> str:
    value = f'derived value "{job.query.name}" of target "{job.target.name}"'
    names = ", ".join(sorted(elsewhere))
    return f"{value} is not computed: another shard watches {names}"


def _targets_of(
    one: UnboundDerived, givers: _Givers, problems: Problems
) -> Sequence[str]:
    """Return the targets that a value is of."""
    _check_names(one, givers, problems)
    chosen = one.targets or one.default_targets
    fitting = [name for name in givers if matches_any(name, chosen)]
    if one.asked_of_each:
        return [name for name in fitting if givers[name].gives(one.asked_of_each)]
    if len(fitting) <= 1:
        return fitting
    if one.targets is None:
        problems.add(one.section.origin(), _OF_WHICH.format(one.inputs[-1].target))
    else:
        problems.add(one.section.origin("targets"), _ONE_ONLY)
    return []


def _check_names(
    one: UnboundDerived, names: Collection[str], problems: Problems
) -> None:
    """Note targets that are not there."""
    fault = partial(_pattern_fault, names)
    check_list(one.section, "targets", one.targets or (), fault, problems)
    for given in one.inputs:
        if given.target not in {None, *names}:
            known = near_miss(str(given.target), names)
            message = f'no target "{given.target}"{known}'
            problems.add(given.section.origin(given.name, "target"), message)


def _pattern_fault(names: Collection[str], pattern: str) -> str | None:
    if any(matches_any(name, [pattern]) for name in names):
        return None
    return f'"{pattern}" matches no target{near_miss(pattern, names)}'


def _job(
    one: UnboundDerived, target: str, givers: _Givers, problems: Problems
) -> Job | None:
    """Return the value on one target; None where something is wrong, which is noted."""
    entry = givers[target].selection.entry
    check_labels(entry, [one.query], problems)
    inputs: list[DerivedInput] = []
    periods = []
    for given in one.inputs:
        name = given.target or target
        query = _query_of(given, name, givers, problems)
        if query is None:
            return None
        _check_max_age(one, query, problems)
        periods.append(query.schedule.period)
        inputs.append(_input(given, name, query.name))
    if entry.target is None:
        return None
    derivation = Derivation(
        expression=one.expression,
        text=one.text,
        inputs=tuple(inputs),
        labels=one.labels,
        aggregate=one.aggregate or "sum",
        max_age=one.max_age,
    )
    bound = one.query.bind({}, "")
    schedule = OnResults(max(periods))
    derived = replace(bound, schedule=schedule, derivation=derivation)
    return Job(entry.target, derived)


def _query_of(
    given: GivenInput, target: str, givers: _Givers, problems: Problems
) -> UnboundQuery | None:
    """Return the query that gives an input; None where none does, or there is no such target."""
    giver = givers.get(target)
    if giver is None:
        return None
    query = giver.queries.get(given.metric)
    if query is None:
        origin = given.section.origin(given.name)
        why = "the query that gives it does not run there"
        problems.add(origin, f'target "{target}" has no {given.metric}: {why}')
    return query


def _input(given: GivenInput, target: str, query: str) -> DerivedInput:
    return DerivedInput(
        name=given.name,
        metric=given.metric,
        target=target,
        query=query,
        where=given.where,
        absent=given.absent,
    )


def _check_max_age(
    one: UnboundDerived, query: UnboundQuery, problems: Problems
) -> None:
    """Note data that would be too old before there is newer."""
    interval = timedelta(seconds=query.schedule.interval_seconds or 0)
    if one.max_age is not None and one.max_age < interval:
        words = f'query "{query.name}", {format_duration(interval)}'
        origin = one.section.origin("max_age")
        problems.add(origin, f"is shorter than the interval of {words}")
