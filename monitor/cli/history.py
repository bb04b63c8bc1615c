"""`history`: what alerts did, or what receivers took, newest first, from the state directory."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.alerting.shown import shown_annotations
from monitor.cli import OK
from monitor.cli.alerts import as_json
from monitor.cli.names import offer_rules, offer_targets
from monitor.cli.options import CommonOptions, format_option, with_common_options
from monitor.cli.output import echo, echo_json, table
from monitor.model.alerts import Transition
from monitor.storage import DeliveryAttempt, open_reader


@click.command("history")
@click.option(
    "--alert", "alertname", help="Only alerts of this name.", shell_complete=offer_rules
)
@click.option(
    "--target", help="Only alerts of this target.", shell_complete=offer_targets
)
@click.option(
    "--deliveries",
    is_flag=True,
    help="What receivers took, and what was given up, instead.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="How many.",
)
@format_option
@with_common_options
def command(
    alertname: str | None,
    target: str | None,
    deliveries: bool,
    limit: int,
    form: str,
    common: CommonOptions,
) -> int:
    """Show past transitions of alerts (pending, fired, resolved), newest first.

    With --deliveries what receivers took of them, or never got; an Alertmanager's are not recorded.

    Exit codes: 0, 1 when there is no state to read.
    """
    config = common.load_config()
    if deliveries:
        # A delivery is of a group of alerts, so it has no one name or target.
        if alertname or target:
            raise click.UsageError(
                "--deliveries is of all alerts: it goes with --limit and --format only"
            )
        return _show_deliveries(config.state.directory, limit, form)
    with open_reader(config.state.directory) as reader:
        transitions = reader.history(limit, alertname=alertname, target=target)
    if form == "json":
        echo_json([transition_as_json(one) for one in transitions])
        return OK
    header = ("AT (UTC)", "CHANGE", "SEVERITY", "ALERT", "TARGET", "SUMMARY")
    rows = [transition_row(one) for one in transitions]
    echo(table(rows, header, tints={1, 2}))
    return OK


def _show_deliveries(directory: Path, limit: int, form: str) -> int:
    with open_reader(directory) as reader:
        past = reader.deliveries(limit, is_over=True)
    if form == "json":
        echo_json([_delivery_as_json(one) for one in past])
        return OK
    rows = [
        (
            f"{one.delivery.at:%Y-%m-%d %H:%M:%S}",
            one.delivery.receiver,
            "given up" if one.is_given_up else "taken",
            one.delivery.reason,
            str(one.attempts),
            one.summary,
        )
        for one in past
    ]
    header = ("AT (UTC)", "RECEIVER", "OUTCOME", "REASON", "ATTEMPTS", "ALERTS")
    right = {header.index("ATTEMPTS")}
    echo(table(rows, header, right=right, tints={header.index("OUTCOME")}))
    return OK


def transition_as_json(transition: Transition) -> dict[str, object]:
    """Write a transition with the names that the log's alert events have."""
    change = str(transition.change)
    return {"at": transition.at, "change": change, **as_json(transition.alert)}


def _delivery_as_json(past: DeliveryAttempt) -> dict[str, object]:
    return {
        "at": past.delivery.at,
        "receiver": past.delivery.receiver,
        "outcome": "given_up" if past.is_given_up else "taken",
        "reason": past.delivery.reason,
        "message": past.delivery.message,
        "attempts": past.attempts,
        "told": past.summary,
        "alerts": [as_json(alert) for alert in past.alerts],
    }


def transition_row(transition: Transition) -> tuple[str, ...]:
    """Write a transition as a line of the table."""
    alert = transition.alert
    why = f" ({alert.resolve_reason})" if alert.resolve_reason else ""
    return (
        f"{transition.at:%Y-%m-%d %H:%M:%S}",
        f"{transition.change}{why}",
        str(alert.severity),
        alert.name,
        alert.scope.target,
        shown_annotations(alert).get("summary", ""),
    )
