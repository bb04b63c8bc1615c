"""What every kind of receiver that takes notifications must offer, and which kinds there are."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from monitor.deliver.webhook import Webhook
from monitor.model.alerts import Notification
from monitor.model.settings import Receiver, ReceiverKind
from monitor.secret_files import SecretReader
from monitor.watchdog import Watchdog


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
        self,
        receiver: Receiver,
        *,
        external_url: str,
        watchdog: Watchdog,
        secrets: SecretReader,
        tls: ssl.SSLContext | None,
    ) -> Sender:
        """Make it; `tls` is the context of https, the system's trust where None."""
        ...


# Each with what it imports only for whom it is configured: the standard library's mail alone is 2 MB.


def _email(
    receiver: Receiver,
    *,
    external_url: str,
    watchdog: Watchdog,
    secrets: SecretReader,
    tls: ssl.SSLContext | None,
) -> Sender:
    from monitor.deliver.smtp import Email

    return Email(receiver, external_url=external_url, watchdog=watchdog, secrets=secrets, tls=tls)


def _pagerduty(
    receiver: Receiver,
    *,
    external_url: str,
    watchdog: Watchdog,
    secrets: SecretReader,
    tls: ssl.SSLContext | None,
) -> Sender:
    from monitor.deliver.pagerduty import PagerDuty

    return PagerDuty(receiver, external_url=external_url, watchdog=watchdog, secrets=secrets, tls=tls)


def _slack(
    receiver: Receiver,
    *,
    external_url: str,
    watchdog: Watchdog,
    secrets: SecretReader,
    tls: ssl.SSLContext | None,
) -> Sender:
    from monitor.deliver.slack import Slack

    return Slack(receiver, external_url=external_url, watchdog=watchdog, secrets=secrets, tls=tls)


SENDERS: Mapping[ReceiverKind, MakeSender] = MappingProxyType(
    {"email": _email, "pagerduty": _pagerduty, "slack": _slack, "webhook": Webhook}
)


def sender_for(
    receiver: Receiver,
    *,
    external_url: str,
    watchdog: Watchdog,
    secrets: SecretReader,
    tls: ssl.SSLContext | None,
) -> Sender:
    """Make the sender of a receiver; ValueError for a kind that there is no way to."""
    if receiver.kind not in SENDERS:
        raise ValueError(f"receiver {receiver.name}: no way to deliver to {receiver.kind}")
    return SENDERS[receiver.kind](
        receiver, external_url=external_url, watchdog=watchdog, secrets=secrets, tls=tls
    )
