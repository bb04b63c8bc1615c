"""The kinds of receivers that there are; importing them opens no connection and imports no client."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from monitor.model.settings import Receiver
from monitor.notify import alertmanager, email, pagerduty, slack, webhook
from monitor.notify.kind import ReceiverKind

_ALL: Final[tuple[ReceiverKind[Any], ...]] = (
    alertmanager.KIND,
    email.KIND,
    pagerduty.KIND,
    slack.KIND,
    webhook.KIND,
)

KINDS: Final[Mapping[str, ReceiverKind[Any]]] = MappingProxyType(
    {kind.name: kind for kind in _ALL}
)
"""Every kind by its name, for what reads the configuration and for what delivers."""


def kind_of(receiver: Receiver) -> ReceiverKind[Any]:
    """Return the kind of a receiver."""
    return KINDS[receiver.kind]
