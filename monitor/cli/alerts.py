"""`alerts`: what fires and what waits, from the state directory; beside the daemon or without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import click

from monitor.alerting.severity import rank
from monitor.alerting.shown import AFFECTED, EXPLAINED, shown_annotations
from monitor.cli import OK
from monitor.cli.options import CommonOptions, format_option, with_common_options
from monitor.cli.output import echo, echo_json, table
from monitor.daemon.maintenance import ALIVE
from monitor.model.alerts import Alert, AlertState
from monitor.model.wording import counted, utc_second
from monitor.storage import open_reader


@click.command("alerts")
@format_option
@with_common_options
def command(form: str, common: CommonOptions) -> int:
    """Show the alerts that are pending or firing now, as the daemon last wrote them.

    Exit codes: 0, 1 when there is no state to read.
    """
    config = common.load_config()
    with open_reader(config.state.directory) as reader:
        alerts = sorted(reader.active_alerts(), key=_weight)
        alive_at = reader.read_mark(ALIVE)
    if form == "json":
        echo_json([as_json(alert) for alert in alerts])
        return OK
    seen = utc_second(alive_at) if alive_at else "never"
    header = ("STATE", "SEVERITY", "ALERT", "TARGET", "SINCE", "SUMMARY")
    rows = [_row(alert) for alert in alerts]
    echo(table(rows, header, tints={0, 1}))
    echo(
        f"\n{counted(len(alerts), 'alert')}, the worst first; the daemon was last known to run at {seen}"
    )
    return OK


def as_json(alert: Alert) -> dict[str, object]:
    """Write an alert with the names that the log's alert events have."""
    return {
        "alertname": alert.name,
        "state": str(alert.state),
        "severity": str(alert.severity),
        "target": alert.scope.target,
        "fingerprint": alert.fingerprint,
        "labels": dict(alert.labels),
        "annotations": shown_annotations(alert),
        "value": alert.value,
        "active_at": alert.active_at,
        "fired_at": alert.fired_at,
        "resolved_at": alert.resolved_at,
        "held": alert.held,
        "muted_by": alert.muted_by,
        "silenced_by": list(alert.silenced_by),
        "silence": None if alert.silence is None else alert.silence.words,
        "acknowledged": None
        if alert.acknowledged is None
        else alert.acknowledged.words,
    }


def alert_lines(alert: Alert, active: Iterable[Alert]) -> Iterator[str]:
    """Write an alert in full: since when, its labels, who was notified; `active` may have its root."""
    labels = ", ".join(
        f"{label}={value}" for label, value in alert.labels if label != "alertname"
    )
    fired = f", fired {alert.fired_at:%Y-%m-%d %H:%M:%S}" if alert.fired_at else ""
    yield f"  {_state(alert)} since {utc_second(alert.active_at)}{fired}: {labels}"
    for receiver, notified_at in alert.notified:
        yield f"    {receiver} was last notified at {utc_second(notified_at)}"
    for receiver, known in alert.unended:
        yield f"    {receiver} knows it as {known.severity}"
    if alert.muted_by:
        names = {one.fingerprint: one.name for one in active}
        root = names.get(alert.muted_by, alert.muted_by)
        yield f"    muted under {root}: no new notices while that is active"
    yield from (f"    {note}" for note in notes_of(alert))
    annotations = dict(alert.annotations)
    if AFFECTED in annotations:
        yield f"    {annotations[AFFECTED]}"
    explained = annotations.get(EXPLAINED)
    if explained:
        yield f"    explains, and so mutes: {explained}"


def notes_of(alert: Alert) -> Iterator[str]:
    """Return what people declared that bears on an alert."""
    if alert.deploy:
        yield alert.deploy
    yield from alert.declared_words


def _state(alert: Alert) -> str:
    """Return the state in words, with what is most worth knowing of it: muted, held, silenced, acknowledged."""
    if alert.muted_by:
        return f"{alert.state}, muted"
    if alert.held:
        return f"{alert.state}, held"
    if alert.is_in_deploy:
        return f"{alert.state}, held by a deployment"
    if alert.silence is not None:
        return f"{alert.state}, silenced"
    if alert.acknowledged is not None:
        return f"{alert.state}, acknowledged"
    return str(alert.state)


def _weight(alert: Alert) -> tuple[bool, bool, int, datetime, str, str]:
    """Sort what fires before what is pending, what is muted last of each, the worst first."""
    return (
        alert.state is not AlertState.FIRING,
        # The root that it is muted under says what is wrong.
        alert.muted_by is not None,
        -rank(alert.severity),
        alert.active_at,
        alert.name,
        alert.fingerprint,
    )


def _row(alert: Alert) -> tuple[str, ...]:
    return (
        _state(alert),
        str(alert.severity),
        alert.name,
        alert.scope.target,
        f"{alert.active_at:%Y-%m-%d %H:%M:%S}",
        shown_annotations(alert).get("summary", ""),
    )
