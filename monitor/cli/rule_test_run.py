"""Run one rule test: each result through the rules of its query, with time and without a database; for `test`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from monitor.alerting.evaluate import evaluate, hold
from monitor.alerting.populations import counts_in
from monitor.alerting.rule_input import BoundRule
from monitor.cli.output import label_pairs
from monitor.cli.rule_test_results import results_for, sample_of
from monitor.cli.rule_tests import ResultSchema, RuleTest
from monitor.config.toml.problems import Origin
from monitor.detection.rules import Memories, with_findings
from monitor.model.alerts import Alert, AlertState, Scope
from monitor.model.errors import SampleError
from monitor.model.results import (
    Result,
    Sample,
    Success,
)
from monitor.model.settings import Config, Job, Labels, Rule

_BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday; a test says after how long something is, and not when."""
_SUMMARY = "summary"
_NO_LABELS = ("alert", _SUMMARY)
"""What of an alert that a test names is no label of it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a test expected and what came instead, at a place of its file."""

    origin: Origin
    message: str


@dataclass(slots=True)
class _Remembered:
    """What the rules of the query remember from result to result."""

    beside: tuple[Sample, ...] = ()
    """What the other queries of the target last gave."""
    memories: Memories = field(default_factory=dict)
    alerts: dict[str, Mapping[Labels, Alert]] = field(default_factory=dict)


def run_rule_test(test: RuleTest, job: Job, config: Config) -> Iterator[Difference]:
    """Yield how the alerts of a query's rules differ from what the test says; the first fault of rows ends it."""
    state = _Remembered(tuple(map(sample_of, test.given.beside)))
    results = results_for(job, config, test.given.defaults)
    at = _BEGIN
    for number, given in enumerate(test.given.results):
        try:
            result_at = results.given(given)
        except SampleError as error:
            yield Difference(test.origin("results", number), str(error))
            return
        for _ in range(given.times):
            at += test.given.interval
            result = result_at(at)
            if result is not None:
                _take(state, result)
        yield from _differences(test, number, given, state)


def _take(state: _Remembered, result: Result) -> None:
    detection = with_findings(result, state.memories)
    state.memories = detection.memories
    for rule in result.job.query.rules:
        before = state.alerts.get(rule.name, {})
        state.alerts[rule.name] = _evaluated(
            rule, detection.result, before, state.beside
        )


def _evaluated(
    rule: Rule,
    result: Result,
    before: Mapping[Labels, Alert],
    beside: tuple[Sample, ...],
) -> Mapping[Labels, Alert]:
    """Return the alerts of a rule after a result, by their labels."""
    success, job = result.outcome, result.job
    if not isinstance(success, Success):
        return hold(before, muted_by=None)
    counts = counts_in(rule.population, (*success.samples, *beside))
    if counts.is_lacking:
        return hold(before, muted_by=None)
    bound = BoundRule(
        rule,
        Scope(rule.name, *job.key),
        job.target.labels,
        job.query.parameters,
        counts=counts,
    )
    seen = success.as_seen_by(rule)
    now = result.scheduled_at
    return evaluate(bound, before, seen, now=now, is_first=False).active


def _differences(
    test: RuleTest, number: int, given: ResultSchema, state: _Remembered
) -> Iterator[Difference]:
    expected = {
        "fires": (given.fires, AlertState.FIRING),
        "pending": (given.pending, AlertState.PENDING),
    }
    for key, (alerts, alert_state) in expected.items():
        if alerts is None:
            continue
        wanted = {_named(one): one for one in alerts}
        found = _in_state(state, alert_state)
        if wanted.keys() != found.keys():
            message = f"{key} {_list_of(found)}; expected {_list_of(wanted)}"
            yield Difference(test.origin("results", number, key), message)
            continue
        for name, message in _wrong_texts(wanted, found):
            yield Difference(
                test.origin("results", number, key), f"{name} says {message}"
            )


def _wrong_texts(
    wanted: Mapping[str, Mapping[str, str]], found: Mapping[str, Alert]
) -> Iterator[tuple[str, str]]:
    """Yield the alerts whose summary is not the one that the test expects, and what it is in place of which."""
    for name, given in wanted.items():
        expected = given.get(_SUMMARY)
        said = dict(found[name].annotations).get(_SUMMARY, "")
        if expected not in (None, said):
            yield name, f'"{said}"; expected "{expected}"'


def _in_state(state: _Remembered, wanted: AlertState) -> dict[str, Alert]:
    """Return the alerts in a state by what a test calls them: without target, severity and constant labels."""
    found: dict[str, Alert] = {}
    for rule, alerts in state.alerts.items():
        for alert in alerts.values():
            if alert.state is wanted:
                found[_named({"alert": rule, **_own_labels(alert)})] = alert
    return found


def _own_labels(alert: Alert) -> dict[str, str]:
    left_out = ("alertname", "severity", "target")
    return {name: value for name, value in alert.labels if name not in left_out}


def _named(given: Mapping[str, str]) -> str:
    labels = {name: value for name, value in given.items() if name not in _NO_LABELS}
    pairs = sorted(labels.items())
    name = given.get("alert", "")
    return f"{name}{{{label_pairs(pairs)}}}" if pairs else name


def _list_of(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
