"""POST a request for each alert to the Alert API of Opsgenie, or to one that is the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from monitor.model.alerts import Alert, Notification
from monitor.notify.answers import AnswerRules
from monitor.notify.context import SenderContext
from monitor.notify.encoding import as_json
from monitor.notify.opsgenie.request import request_of
from monitor.notify.opsgenie.settings import AlertApiSettings
from monitor.notify.posting import PerAlertSender, Post
from monitor.notify.secrets import read_secret

SURE_ATTEMPTS: Final = 3
"""After so many attempts what is not there is not about to come."""


class OpsgenieSender(PerAlertSender):
    """Makes the attempts at one receiver; an alert is known by its alias."""

    noun = "alerts"
    # A key that is none is refused with 422.
    rules = AnswerRules(
        "Opsgenie", is_page_taken=False, fixable_words=("key format", "api key")
    )

    def __init__(self, settings: AlertApiSettings, context: SenderContext) -> None:
        super().__init__(context)
        self._settings = settings

    def posts(self, notification: Notification) -> Iterator[Post]:
        """Make a request of each alert."""
        key = read_secret(self._settings.api_key, self._secrets)
        headers = {"Authorization": f"GenieKey {key}"}
        for alert in notification.alerts:
            address, body = request_of(
                alert,
                notification,
                url=self._settings.url,
                external_url=self._external_url,
            )
            rules = self._rules_for(alert, notification)
            yield Post(address, as_json(body), headers, (key,), rules)

    def _rules_for(self, alert: Alert, notification: Notification) -> AnswerRules:
        """Return what answers mean: that there is no such alert is all that a close needs.

        Somebody may have deleted it. Not at the first answers: alerts are created some time after the 202.
        """
        is_sure = notification.attempts >= SURE_ATTEMPTS
        if alert.is_over() and is_sure:
            return replace(self.rules, gone=frozenset({404}))
        return self.rules
