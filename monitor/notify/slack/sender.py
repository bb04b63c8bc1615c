"""POST a message for people to a Slack incoming webhook, or to what takes the same."""

from __future__ import annotations

import json

from monitor.model.alerts import Notification
from monitor.notify.answers import AnswerRules
from monitor.notify.context import SenderContext
from monitor.notify.posting import MessageSender, Post
from monitor.notify.slack.message import message_of
from monitor.notify.slack.settings import SlackSettings


class SlackSender(MessageSender):
    """Makes the attempts at one receiver."""

    # 410 is channel_is_archived: it can be brought back, or the address be replaced.
    rules = AnswerRules("Slack", fixable=frozenset({410}))

    def __init__(self, settings: SlackSettings, context: SenderContext) -> None:
        super().__init__(context)
        self._settings = settings

    def message(self, notification: Notification) -> Post:
        """Make the request."""
        body = json.dumps(message_of(notification, self._external_url)).encode()
        return Post(self._settings.address(self._secrets), body)
