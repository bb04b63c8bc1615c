"""What every kind of receiver that takes notifications must offer, and which kinds there are."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, assert_never

from monitor.model.alerts import Notification
from monitor.model.settings import Receiver
from monitor.notify.transport import Means
from monitor.notify.webhook import Webhook


class Sender(Protocol):
    """Sends one notification to a kind of receiver; DeliveryError if it was not taken."""

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt."""
        ...

    def abort(self) -> None:
        """Cut the attempt under way, from another thread; nothing is sent afterwards."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class MakeSender(Protocol):
    """Makes the sender of a receiver; opens nothing yet."""

    def __call__(
        self, receiver: Receiver, means: Means, *, external_url: str
    ) -> Sender:
        """Make it."""
        ...


# Each with what it imports only for whom it is configured: the standard library's mail alone is 2 MB.


def _email(receiver: Receiver, means: Means, *, external_url: str) -> Sender:
    from monitor.notify.smtp import Email

    return Email(receiver, means, external_url=external_url)


def _pagerduty(receiver: Receiver, means: Means, *, external_url: str) -> Sender:
    from monitor.notify.pagerduty import PagerDuty

    return PagerDuty(receiver, means, external_url=external_url)


def _slack(receiver: Receiver, means: Means, *, external_url: str) -> Sender:
    from monitor.notify.slack import Slack

    return Slack(receiver, means, external_url=external_url)


def sender_for(receiver: Receiver, means: Means, *, external_url: str) -> Sender:
    """Make the sender of a receiver; ValueError for an Alertmanager, which is told otherwise."""
    make: MakeSender
    match receiver.kind:
        case "email":
            make = _email
        case "pagerduty":
            make = _pagerduty
        case "slack":
            make = _slack
        case "webhook":
            make = Webhook
        case "alertmanager":
            raise ValueError(
                f"receiver {receiver.name}: no way to deliver to {receiver.kind}"
            )
        case _:
            assert_never(receiver.kind)
    return make(receiver, means, external_url=external_url)
