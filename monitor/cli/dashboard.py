"""`dashboard`: a dashboard for Grafana of what the queries export, and of the monitor itself."""

from __future__ import annotations

import json

import click

from monitor.cli import OK
from monitor.cli.asking import ask_now
from monitor.cli.names import offer_targets
from monitor.cli.options import CommonOptions, selected_targets, with_common_options
from monitor.cli.output import echo
from monitor.cli.printed.dashboard import dashboard


@click.command("dashboard")
@click.option(
    "--target", help="Only what this target has.", shell_complete=offer_targets
)
@with_common_options
def command(target: str | None, common: CommonOptions) -> int:
    """Print a dashboard for Grafana: import the JSON, or put it into a provisioned folder.

    \b
    token-monitor dashboard > /var/lib/grafana/dashboards/token-monitor.json
    """
    config = common.load_config(ask_now, is_whole=True)
    chosen = {one.name for one in selected_targets(config, target)}
    jobs = [job for job in config.all_jobs if job.target.name in chosen]
    echo(json.dumps(dashboard(jobs), indent=2, ensure_ascii=False))
    return OK
