"""Kind `pagerduty`: one event for each alert to PagerDuty's Events API, version 2."""

from __future__ import annotations

from typing import Final

from monitor.notify.context import SenderContext
from monitor.notify.kind import OutboxKind
from monitor.notify.outbox import Sender
from monitor.notify.pagerduty.schema import PagerdutySchema, read_settings
from monitor.notify.pagerduty.settings import PagerdutySettings


def _make_sender(settings: PagerdutySettings, context: SenderContext) -> Sender:
    # Imported only where a receiver is delivered to: who only validates loads no HTTP client.
    from monitor.notify.pagerduty.sender import PagerdutySender

    return PagerdutySender(settings, context)


KIND: Final = OutboxKind(
    PagerdutySettings, PagerdutySchema, read_settings, _make_sender
)
