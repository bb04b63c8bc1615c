"""`validate`: are the config and query files right, and with --connect, do they fit the targets?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from monitor.cli import OK, USAGE
from monitor.cli.asking import ask_now
from monitor.cli.options import CommonOptions, rule_names, with_common_options
from monitor.cli.output import echo, plain_line
from monitor.cli.target_report import show_target
from monitor.config.maintenance import warnings_of_ended
from monitor.daemon.http_lists import kept_list
from monitor.model.certificates import SOON
from monitor.model.settings import Config
from monitor.model.wording import counted, utc_minute
from monitor.secrets.inspection import inspect_files
from monitor.secrets.reader import SecretDisk
from monitor.timing.deadlines import Watchdog
from monitor.web.web_config import WebConfig, load_web_config


@click.command("validate")
@click.option(
    "--connect",
    is_flag=True,
    help="Also each target: its rights, and the plan of each query.",
)
@with_common_options
def command(connect: bool, common: CommonOptions) -> int:
    """Check the configuration and all query files, offline.

    --connect also enters each target, shows the account's rights and warns of more than reading, and asks
    for the plan of each query. Each query is then run once, for a verdict on what they cost, but for what
    would read too many rows: that is refused.

    Exit codes: 0, 2 when something is wrong.
    """
    ask = ask_now if connect else kept_list
    config = common.load_config(ask, is_whole=True, reads_source=True)
    web = _check_web(config)
    log = common.make_log()
    echo(_summary(config))
    for notice in config.notices:
        echo(f"note: {notice}")
    now = datetime.now(UTC)
    for warning in (*config.warnings, *warnings_of_ended(config.maintenance, now)):
        echo(f"warning: {warning}")
    for text in _of_contract(config):
        echo(text)
    _warn_of_end(web.certificate_ends_at, now)
    code = _check_files(config)
    if connect:
        code = max(code, _show_targets(config))
    log.close()
    return code


def _of_contract(config: Config) -> Iterator[str]:
    """Yield what was read of the application's source, and why it could not be."""
    if config.contract is None:
        return
    for fault in config.contract.faults:
        yield f"warning: contract: {fault}"
    for database, reading in config.contract.readings.items():
        sql = reading.application
        read = f"{counted(len(sql.statements), 'statement')} in {counted(sql.files, 'file')}"
        yield f"note: contract of {database}: {read}, {len(sql.unread)} not read"


def _show_targets(config: Config) -> int:
    codes = []
    with Watchdog() as watchdog:
        for target in config.targets:
            jobs = [job for job in config.jobs if job.target.name == target.name]
            codes.append(show_target(target, jobs, watchdog))
    return max(codes, default=OK)


def _check_web(config: Config) -> WebConfig:
    if config.web.config_file is None:
        return WebConfig()
    return load_web_config(config.web.config_file)


def _warn_of_end(ends_at: datetime | None, now: datetime) -> None:
    if ends_at is not None and ends_at - now < SOON:
        word = "ends" if ends_at > now else "has ended"
        echo(f"warning: the certificate of the page {word}: {utc_minute(ends_at)}")


def _check_files(config: Config) -> int:
    """Print what is wrong with the files that are named; those that are not there may be elsewhere."""
    code = OK
    for fault in inspect_files(config, SecretDisk().read, datetime.now(UTC)):
        text = plain_line(fault.text)
        if fault.is_certain:
            click.echo(text, err=True)
            code = USAGE
        else:
            echo(f"note: {text}")
    return code


def _summary(config: Config) -> str:
    queries = {job.query.name for job in config.jobs}
    rules = counted(len(rule_names(config)), "rule")
    only_the_log = "" if config.receivers else " (only the log)"
    parts = [
        counted(len(config.targets), "target"),
        counted(len(queries), "query", "queries"),
        f"{rules} and {len(config.own_rules)} of the monitor itself",
        f"{counted(len(config.receivers), 'receiver')}{only_the_log}",
    ]
    return f"{config.path.name}: ok: {', '.join(parts)}"
