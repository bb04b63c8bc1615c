"""One test alert through one receiver, for a person who wants to know whether alerts would arrive."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from monitor.model.alerts import Alert, AlertState, Delivery, Notification, Scope
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver, Severity, labels_of
from monitor.notify.alertmanager import post_alerts
from monitor.notify.http_client import Post
from monitor.notify.notifiers import sender_for
from monitor.notify.routing import takes_notifications
from monitor.notify.transport import Means
from monitor.notify.worker import attempt, outcome
from monitor.timing.clock import Clock
from monitor.timing.deadlines import Watchdog

ALERTNAME: Final = "TokenMonitorTest"
_RESEND_DELAY: Final = timedelta(seconds=15)  # four of them until the end: a minute
_GRACE_SECONDS: Final = 1.0

_Send = Callable[[datetime], None]


def canary(
    receiver: Receiver,
    clock: Clock,
    external_url: str,
    *,
    tls: ssl.SSLContext | None = None,
) -> Delivery:
    """Send a test alert, once, whatever the receiver filters; gives what came of it.

    Takes a little more than the receiver's timeout at most. Of several addresses all are tried, and
    one that fails is the outcome. ValueError for a kind that there is no way to.
    """
    with Watchdog() as watchdog:
        sends = _sends(receiver, clock.now(), external_url, Means(watchdog, tls=tls))
        return _outcome(receiver, clock, sends)


def _outcome(receiver: Receiver, clock: Clock, sends: Sequence[_Send]) -> Delivery:
    outcomes: dict[int, Delivery] = {}

    def work(number: int, send: _Send) -> None:
        at, seconds, error = attempt(clock, send)
        outcomes[number] = outcome(receiver.name, error, at, seconds)

    began_at = clock.now()
    # The name look-up cannot be cut; a thread that hangs in it ends with the process.
    threads = [
        threading.Thread(target=work, args=(number, send), name="canary", daemon=True)
        for number, send in enumerate(sends)
    ]
    for thread in threads:
        thread.start()
    seconds = receiver.timeout.total_seconds() + _GRACE_SECONDS
    for thread in threads:
        thread.join(max(0.0, seconds - (clock.now() - began_at).total_seconds()))
    late = outcome(
        receiver.name,
        DeliveryError("timeout", "no answer in time", recoverable=True),
        began_at,
        seconds,
    )
    ended = [outcomes.get(number, late) for number in range(len(threads))]
    return next((delivery for delivery in ended if delivery.reason), ended[0])


def canary_alert(receiver: Receiver, now: datetime) -> Alert:
    """Make the test alert, firing from now on."""
    return Alert(
        Scope(ALERTNAME, "", receiver.name),
        labels_of({"alertname": ALERTNAME, "severity": str(Severity.INFO)}),
        Severity.INFO,
        AlertState.FIRING,
        1.0,
        now,
        fired_at=now,
        annotations=(("summary", f"This is a test of the receiver {receiver.name}"),),
    )


def _sends(
    receiver: Receiver, now: datetime, external_url: str, means: Means
) -> tuple[_Send, ...]:
    alert = canary_alert(receiver, now)
    if takes_notifications(receiver):
        sender = sender_for(receiver, means, external_url=external_url)
        group = {"alertname": ALERTNAME}
        key = f"{receiver.name}-test-{alert.active_at.isoformat()}"

        def send(now: datetime) -> None:
            try:
                sender.send(Notification(receiver.name, key, group, (alert,), now), now)
            finally:
                sender.close()

        return (send,)
    posts = [(url, Post(means, timeout=receiver.timeout)) for url in receiver.urls]
    return tuple(
        _to_alertmanager(receiver, url, post, alert, external_url)
        for url, post in posts
    )


def _to_alertmanager(
    receiver: Receiver, url: str, post: Post, alert: Alert, external_url: str
) -> _Send:

    def send(now: datetime) -> None:
        try:
            post_alerts(
                post,
                url,
                (alert,),
                headers=receiver.headers,
                now=now,
                resend_delay=_RESEND_DELAY,
                external_url=external_url,
            )
        finally:
            post.close()

    return send
