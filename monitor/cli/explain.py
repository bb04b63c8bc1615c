"""`explain`: why an alert is or is not firing, from the state directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from monitor.alerting.snapshot import QueryStatus
from monitor.cli import FAILED, OK
from monitor.cli.alerts import state_of
from monitor.cli.options import common, load_or_tell
from monitor.cli.output import plain, say
from monitor.config.toml.problems import near_miss
from monitor.model.settings import Config, Job, Rule
from monitor.model.wording import format_number, utc_second
from monitor.storage import LastResult, Reader, open_reader
from monitor.timing.durations import format_duration

_MOST = 20
_NO_RUN = (QueryStatus.BLOCKED, QueryStatus.SKIPPED, QueryStatus.WAITING)


@click.command("explain")
@click.argument("alert")
@click.option("--target", help="Only this target.")
@common
def command(
    alert: str, target: str | None, config_path: Path, log_level: str, log_format: str
) -> int:
    """Say why ALERT is or is not firing: its rule, its query's last run, its values, its clock.

    Exit codes: 0, 1 when there is no state to read.
    """
    config = load_or_tell(config_path, exit_code=FAILED)
    names = {rule.name for job in config.jobs for rule in job.query.rules}
    names.update(rule.name for rule in config.own_rules)
    if alert not in names:
        raise click.UsageError(f'no rule "{alert}"{near_miss(alert, names)}')
    with open_reader(config.state.directory) as reader:
        for line in explained(config, reader, alert, target):
            say(plain(line))
    return OK


def explained(
    config: Config, reader: Reader, name: str, target: str | None
) -> Iterator[str]:
    """Give the lines of the explanation, for each target that the rule is judged on."""
    results = {(one.target, one.query): one for one in reader.last_results()}
    for rule in config.own_rules:
        if rule.name == name:
            yield f"{name} is a rule about the monitor itself: {_condition(rule)}"
            yield from _alerts(reader, name, target)
    for job in config.jobs:
        if target in (None, job.target.name):
            for rule in job.query.rules:
                if rule.name == name:
                    yield from _of_job(job, rule, results.get(job.key))
                    yield from _alerts(reader, name, job.target.name)


def _of_job(job: Job, rule: Rule, result: LastResult | None) -> Iterator[str]:
    yield f"{rule.name} on {job.target.name}: {_condition(rule)}, of query {job.query.name}"
    if result is None:
        yield "  the query has no recorded run yet: no data, so nothing fires and nothing resolves"
        return
    yield f"  {_last_run(result)}"
    if result.reason:
        yield f"  no data: {result.reason}: {result.message}; alerts of this rule are held as they were"
    elif not rule.condition.finds_absence:
        mine = [
            one
            for one in result.samples
            if one.metric == rule.metric and set(rule.where) <= set(one.labels)
        ]
        for sample in mine[:_MOST]:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels)
            yield f"  {sample.metric}{{{labels}}} is {format_number(sample.value)}"
        if len(mine) > _MOST:
            yield f"  … and {len(mine) - _MOST} more"
        kept, count = len(result.samples), result.sample_count
        if count > kept:
            yield f"  only the first {kept} of {count} samples are kept; others may be of this rule"
        elif not mine:
            yield "  the run gave no sample for it: zero rows is a result, and resolves"


def _last_run(result: LastResult) -> str:
    if not result.has_run:
        return f"{result.status}; it has not run yet"
    when = f"last run {utc_second(result.run_at)}"
    # With these words no run was made: the last one ended otherwise.
    return (
        f"{result.status}; {when}"
        if result.status in _NO_RUN
        else f"{when}: {result.status}"
    )


def _condition(rule: Rule) -> str:
    where = "".join(f' {name}="{value}"' for name, value in rule.where)
    return (
        f"{rule.metric}{where} {rule.condition.words} for {format_duration(rule.hold)}"
    )


def _alerts(reader: Reader, name: str, target: str | None) -> Iterator[str]:
    mine = [
        one
        for one in reader.active_alerts()
        if one.name == name and target in (None, one.scope.target)
    ]
    for alert in mine:
        labels = ", ".join(
            f"{label}={value}" for label, value in alert.labels if label != "alertname"
        )
        fired = f", fired {alert.fired_at:%Y-%m-%d %H:%M:%S}" if alert.fired_at else ""
        yield f"  {state_of(alert)} since {utc_second(alert.active_at)}{fired}: {labels}"
        for receiver, told_at in alert.told:
            yield f"    {receiver} was last told at {utc_second(told_at)}"
        if alert.muted_by:
            roots = (
                one
                for one in reader.active_alerts()
                if one.fingerprint == alert.muted_by
            )
            root = next(roots, None)
            under = root.name if root else alert.muted_by
            yield f"    muted under {under}: no new notices until that is mended"
    if not mine:
        last = next(iter(reader.history(1, alertname=name, target=target)), None)
        when = f"; it last {last.change} at {utc_second(last.at)}" if last else ""
        yield f"  not pending and not firing{when}"
