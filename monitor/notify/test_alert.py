"""One test alert through one receiver, for a person who wants to know whether alerts would arrive."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from monitor.model.alerts import Alert, AlertState, Delivery, Scope
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver, Severity, labels_of
from monitor.notify.attempt import Attempt, Send, attempt
from monitor.notify.context import SenderContext
from monitor.notify.kinds import kind_of
from monitor.notify.transport import Transport
from monitor.timing.clock import Clock
from monitor.timing.deadlines import Watchdog

ALERTNAME: Final = "TokenMonitorTest"
# An attempt ends by its own time limit; only where it cannot, in a name look-up, is it left alone after this.
_GRACE_SECONDS: Final = 1.0


def send_test_alert(
    receiver: Receiver,
    clock: Clock,
    external_url: str,
    *,
    tls: ssl.SSLContext | None = None,
) -> Delivery:
    """Send a test alert, once, whatever the receiver filters, and return what came of it.

    Takes a little more than the receiver's timeout at most. Of several addresses all are tried, and
    one that fails is the outcome.
    """
    alert = test_alert(receiver, clock.now())
    with Watchdog() as watchdog:
        transport = Transport(watchdog, tls=tls)
        context = SenderContext(transport, receiver.timeout, external_url)
        sends = kind_of(receiver).test_sends(receiver, alert, context)
        return _outcome(receiver, clock, sends)


def test_alert(receiver: Receiver, now: datetime) -> Alert:
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


def _outcome(receiver: Receiver, clock: Clock, sends: Sequence[Send]) -> Delivery:
    """Make all attempts at once, and return the first that failed, or else the first."""
    attempts: dict[int, Attempt] = {}

    def work(number: int, send: Send) -> None:
        attempts[number] = attempt(clock, send)

    began_at = clock.now()
    # The name look-up cannot be cut; a thread that hangs in it ends with the process.
    threads = [
        threading.Thread(
            target=work, args=(number, send), name="test alert", daemon=True
        )
        for number, send in enumerate(sends)
    ]
    for thread in threads:
        thread.start()
    seconds = receiver.timeout.total_seconds() + _GRACE_SECONDS
    for thread in threads:
        thread.join(max(0.0, seconds - (clock.now() - began_at).total_seconds()))
    error = DeliveryError("timeout", "no answer in time", recoverable=True)
    late = Attempt(began_at, seconds, error)
    ended = [attempts.get(number, late) for number in range(len(threads))]
    for one in ended:
        if one.error is not None:
            return one.delivery(receiver.name)
    return ended[0].delivery(receiver.name)
