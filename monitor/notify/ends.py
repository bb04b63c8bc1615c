"""As what a receiver knows an alert, and of which end it hears: not while the alert goes on; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from monitor.alerting.resolved import MOVED
from monitor.alerting.severity import SUPERSEDED, without_severity
from monitor.model.alerts import Alert, Unended
from monitor.model.settings import Labels, Receiver, labels_of

Begun: TypeAlias = Mapping[Labels, bool]
"""What begins by one run and a receiver wants, by what a louder alert has in common with a quieter one: whether it
hears so now. It does not of what is muted, nor of anything while its outbox is full.
"""


def end_heard(receiver: Receiver, ended: Alert, begun: Begun) -> Alert | None:
    """Return the alert of whose end a receiver hears when one has ended; None: of nothing.

    Whatever the receiver filters now: it has an alert that it must be able to close. Who was not notified that it
    fires need not hear that it ended.
    """
    if ended.resolve_reason == MOVED:
        # Whoever watches the target now says how it goes on.
        return None
    if not receiver.send_resolved:
        return None
    known = as_known_to(receiver.name, ended)
    common = without_severity(ended.labels)
    is_superseded = ended.resolve_reason == SUPERSEDED
    goes_on = is_superseded and common in begun
    if not goes_on:
        return known
    # The louder one says it all, now or when it may; until then it keeps who knows the quieter one. Only who
    # keeps incidents closes its own, when it has the louder one's.
    keeps_incidents = receiver.settings.keeps_incidents
    closes_its_own = begun[common] and keeps_incidents
    return known if closes_its_own else None


def as_known_to(receiver: str, alert: Alert) -> Alert | None:
    """Return an alert under the severity under which a receiver was notified of it; None where it was not."""
    if receiver in dict(alert.notified):
        return alert
    unended = dict(alert.unended).get(receiver)
    return None if unended is None else as_it_was(alert, unended)


def as_it_was(alert: Alert, unended: Unended) -> Alert:
    """Return an alert under the severity that it had when a receiver heard of it last."""
    severity = {"severity": str(unended.severity)}
    return replace(
        alert,
        labels=labels_of({**dict(alert.labels), **severity}),
        severity=unended.severity,
        fired_at=unended.fired_at,
        unended=(),
        fingerprint="",
    )
