"""`rules`: Prometheus's alerting rules, equal in meaning to those of the queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from monitor.cli import OK
from monitor.cli.asking import ask_now
from monitor.cli.names import offer_targets
from monitor.cli.options import CommonOptions, selected_targets, with_common_options
from monitor.cli.output import echo
from monitor.cli.printed.rule_groups import LeftOut, RuleGroup, rule_groups

_HEAD = """\
# Alerting rules for the Prometheus that scrapes token-monitor, equal in meaning to the monitor's own.
# They hold while a query gives no data; what only the monitor knows is left out, with the reason.
# Let one of the two speak: an Alertmanager that is sent both calls twice.
#   promtool check rules FILE
groups:
"""


@click.command("rules")
@click.option(
    "--target", help="Only what this target has.", shell_complete=offer_targets
)
@with_common_options
def command(target: str | None, common: CommonOptions) -> int:
    """Print the rules of all queries as alerting rules for Prometheus.

    \b
    token-monitor rules > token-monitor.rules.yml && promtool check rules token-monitor.rules.yml
    """
    config = common.load_config(ask_now, is_whole=True)
    chosen = {one.name for one in selected_targets(config, target)}
    jobs = tuple(job for job in config.all_jobs if job.target.name in chosen)
    groups = rule_groups(jobs, config.all_jobs)
    echo(_HEAD + "".join(_text(group) for group in groups).rstrip("\n"))
    return OK


def _text(group: RuleGroup) -> str:
    """Return one group as YAML; those that are left out stand before it."""
    comments = "".join(_comment(one) for one in group.left_out)
    if not group.rules:
        return comments
    entry = {
        "name": f"token-monitor {group.name}",
        "interval": group.interval,
        "rules": [dict(rule) for rule in group.rules],
    }
    return f"{comments}{_yaml([entry])}"


def _comment(left_out: LeftOut) -> str:
    return f"  # {left_out.name} is not here: {left_out.why}\n"


def _yaml(entries: Sequence[Mapping[str, Any]]) -> str:
    import yaml  # only this command pays for it

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as such, for people who read the file."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    dumped = yaml.dump(
        list(entries), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000
    )
    return "".join(f"  {line}\n" if line else "\n" for line in dumped.splitlines())
