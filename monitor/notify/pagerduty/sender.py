"""POST one event for each alert to PagerDuty's Events API, version 2."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.model.alerts import Notification
from monitor.notify.answers import AnswerRules
from monitor.notify.context import SenderContext
from monitor.notify.pagerduty.event import event
from monitor.notify.pagerduty.settings import PagerdutySettings
from monitor.notify.posting import PerAlertSender, Post
from monitor.notify.secrets import read_secret


class PagerdutySender(PerAlertSender):
    """Makes the attempts at one receiver; PagerDuty knows an alert by its `dedup_key`."""

    noun = "events"
    # Only 202 is PagerDuty's own yes. A refusal about the routing key means the key, which can be replaced.
    rules = AnswerRules("PagerDuty", taken=frozenset({202}), fixable_words=("routing",))

    def __init__(self, settings: PagerdutySettings, context: SenderContext) -> None:
        super().__init__(context)
        self._settings = settings

    def posts(self, notification: Notification) -> Iterator[Post]:
        """Make an event of each alert."""
        key = read_secret(self._settings.routing_key, self._secrets)
        for alert in notification.alerts:
            body = event(
                alert, notification, routing_key=key, external_url=self._external_url
            )
            yield Post(self._settings.url, body, secrets=(key,))
