"""What tests of receivers share: a sender, or all workers, at work for the length of a test."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from monitor.model.alerts import Alert, Delivery, Notification
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver
from monitor.notify.context import DeliveryContext, Outbox, SenderContext
from monitor.notify.kind import OutboxKind
from monitor.notify.kinds import kind_of
from monitor.notify.manager import Deliveries
from monitor.notify.outbox import Sender
from monitor.notify.transport import Transport
from monitor.secrets.reader import SecretReader
from monitor.storage import State
from monitor.timing.clock import AnchoredClock, SettableClock
from monitor.timing.deadlines import Watchdog
from tests.notify.far_end import START, alert

CLOCK = AnchoredClock()
PAGE = "https://monitor.example.com"


def notification(
    receiver: str, *alerts: Alert, key: str = "key", **more: Any
) -> Notification:
    """Make a notification of these alerts, or of one, as the outbox would give it."""
    group = {"alertname": "Low", "target": "main"}
    return Notification(receiver, key, group, alerts or (alert(),), START, **more)


@contextmanager
def sending(
    receiver: Receiver,
    *,
    tls: ssl.SSLContext | None = None,
    secrets: SecretReader | None = None,
    external_url: str = PAGE,
) -> Iterator[Sender]:
    """Make the receiver's sender, and close it at the end."""
    kind = kind_of(receiver)
    assert isinstance(kind, OutboxKind)
    with Watchdog() as watchdog:
        transport = Transport(watchdog, secrets or SecretReader(), tls=tls)
        context = SenderContext(transport, receiver.timeout, external_url)
        sender = kind.sender(receiver, context)
        try:
            yield sender
        finally:
            sender.close()


def failure_of(sender: Sender, one: Notification) -> DeliveryError:
    """Send a notification that the far end does not take, and return the error."""
    with pytest.raises(DeliveryError) as caught:
        sender.send(one, START)
    return caught.value


@contextmanager
def delivering(
    receivers: Iterable[Receiver],
    on_delivery: Callable[[Delivery], None],
    *,
    state: Outbox | None = None,
    snapshot: Callable[[], Sequence[Alert]] = tuple,
    jitter: float | Iterable[float] = 0.0,
    clock: SettableClock = CLOCK,
    is_started: bool = True,
) -> Iterator[Deliveries]:
    """Run the workers of receivers; `jitter` is one number for all waits, or one after the other."""
    numbers = itertools.repeat(jitter) if isinstance(jitter, float) else iter(jitter)
    own = State() if state is None else None
    outbox = state or own
    assert outbox is not None
    with Watchdog() as watchdog:
        context = DeliveryContext(
            clock=clock,
            outbox=outbox,
            snapshot=snapshot,
            on_delivery=on_delivery,
            transport=Transport(watchdog),
            external_url="https://monitor",
            jitter=lambda: next(numbers),
        )
        deliveries = Deliveries(receivers, context)
        if is_started:
            deliveries.start()
        try:
            yield deliveries
        finally:
            deliveries.close()
            if own is not None:
                own.close()
