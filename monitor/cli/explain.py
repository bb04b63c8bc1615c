"""`explain`: why an alert is or is not firing, from the state directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import click

from monitor.alerting.query_view import QueryStatus
from monitor.cli import OK
from monitor.cli.alerts import alert_lines
from monitor.cli.names import offer_rules, offer_targets
from monitor.cli.options import (
    CommonOptions,
    all_rule_names,
    selected_targets,
    with_common_options,
)
from monitor.cli.output import echo, first_lines, label_pairs, plain
from monitor.config.toml.problems import near_miss
from monitor.model.alerts import Alert
from monitor.model.deploys import NOTHING_DECLARED, TargetDeploys
from monitor.model.results import Sample
from monitor.model.rule_words import condition_words
from monitor.model.settings import Config, Job, Rule
from monitor.model.wording import format_number, utc_minute, utc_second
from monitor.storage import LastResult, Reader, open_reader
from monitor.timing.active_hours import ActiveHours

_Named = TypeVar("_Named", Rule, Alert)
_MAX_SAMPLES = 20
_NO_RUN = (
    QueryStatus.BLOCKED,
    QueryStatus.DEFERRED,
    QueryStatus.SKIPPED,
    QueryStatus.WAITING,
)


@click.command("explain")
@click.argument("alert", shell_complete=offer_rules)
@click.option("--target", help="Only this target.", shell_complete=offer_targets)
@with_common_options
def command(alert: str, target: str | None, common: CommonOptions) -> int:
    """Explain why ALERT is or is not firing: its rule, its query's last run, its values, its clock.

    Exit codes: 0, 1 when there is no state to read.
    """
    config = common.load_config()
    names = all_rule_names(config)
    if alert not in names:
        raise click.UsageError(f'no rule "{alert}"{near_miss(alert, names)}')
    selected_targets(
        config, target
    )  # a name that is not there would be an empty answer
    with open_reader(config.state.directory) as reader:
        for line in explained(config, reader, alert, target):
            echo(plain(line))
    return OK


def explained(
    config: Config, reader: Reader, name: str, target: str | None
) -> Iterator[str]:
    """Yield the lines of the explanation, for each target that the rule is judged on."""
    for rule in _named(name, config.own_rules):
        yield f"{name} is a rule about the monitor itself: {condition_words(rule)}"
        yield from _alerts(reader, name, target)
    results = {(one.target, one.query): one for one in reader.last_results()}
    declared = reader.deploys()
    jobs = [job for job in config.all_jobs if target in (None, job.target.name)]
    for job in jobs:
        for rule in _named(name, job.query.rules):
            yield from _of_job(job, rule, results.get(job.key))
            if name in config.deploys.rules:
                yield from _deployments(declared.get(job.target.name, NOTHING_DECLARED))
            yield from _alerts(reader, name, job.target.name)


def _named(name: str, found: Iterable[_Named]) -> list[_Named]:
    return [one for one in found if one.name == name]


def _of_job(job: Job, rule: Rule, result: LastResult | None) -> Iterator[str]:
    condition, query = condition_words(rule), job.query.name
    yield f"{rule.name} on {job.target.name}: {condition}, of query {query}"
    if rule.active is not None:
        yield f"  {_hours(rule.active, datetime.now(UTC))}"
    yield from _relations(rule)
    if result is None:
        yield (
            "  the query has no recorded run yet:"
            " no data, so nothing fires and nothing resolves"
        )
        return
    yield f"  {_last_run(result)}"
    if result.reason:
        yield (
            f"  no data: {result.reason}: {result.message};"
            " alerts of this rule are held as they were"
        )
    elif not rule.condition.finds_absence:
        yield from _samples(rule, result)


def _deployments(declared: TargetDeploys) -> Iterator[str]:
    """Yield a line for each deployment that goes on, for whose end the rule's alerts wait."""
    for deploy in declared.under_way:
        yield f"  what would fire waits for a deployment {deploy.words}"


def _relations(rule: Rule) -> Iterator[str]:
    """Yield what a rule mutes, and what mutes it by its own word."""
    claims = [f"{name} {' or '.join(values)}" for name, values in rule.explains_where]
    of_which = f" ({', '.join(claims)})" if claims else ""
    for explained in rule.explains:
        yield f"  explains {explained}{of_which}, which is muted while it fires"
    muting = " or ".join(rule.muted_by)
    if muting:
        yield f"  is muted while {muting} fires"


def _hours(hours: ActiveHours, now: datetime) -> str:
    opens = hours.next_opening(now)
    if opens is None:
        return f"active {hours.text}: it is judged now"
    return f"active {hours.text}: outside its hours until {utc_minute(opens)}, held as it was"


def _samples(rule: Rule, result: LastResult) -> Iterator[str]:
    """Yield the samples of a run that the rule looks at, and where there may be others."""
    found = [
        one
        for one in result.samples
        if one.metric == rule.metric and rule.selects(one.labels)
    ]
    lines = [_sample(one) for one in found]
    yield from first_lines(lines, _MAX_SAMPLES)
    kept, count = len(result.samples), result.sample_count
    if count > kept:
        yield (
            f"  only the first {kept} of {count} samples are kept;"
            " others may be of this rule"
        )
    elif not found:
        yield ("  the run gave no sample for it: zero rows is a result, and resolves")


def _sample(sample: Sample) -> str:
    labels = label_pairs(sample.labels)
    return f"  {sample.metric}{{{labels}}} is {format_number(sample.value)}"


def _last_run(result: LastResult) -> str:
    if not result.has_run:
        return f"{result.status}; it has not run yet"
    when = f"last run {utc_second(result.run_at)}"
    # With these words no run was made: the last one ended otherwise.
    if result.status in _NO_RUN:
        return f"{result.status}; {when}"
    return f"{when}: {result.status}"


def _alerts(reader: Reader, name: str, target: str | None) -> Iterator[str]:
    """Yield what is active of a rule; where nothing is, what it last did."""
    active = reader.active_alerts()
    own = [
        alert for alert in _named(name, active) if target in (None, alert.scope.target)
    ]
    for alert in own:
        yield from alert_lines(alert, active)
    if not own:
        yield f"  not pending and not firing{_last_change(reader, name, target)}"


def _last_change(reader: Reader, name: str, target: str | None) -> str:
    last = reader.history(1, alertname=name, target=target)
    if not last:
        return ""
    return f"; it last {last[0].change} at {utc_second(last[0].at)}"
