"""POST a message for people to a Mattermost incoming webhook."""

from __future__ import annotations

from monitor.model.alerts import Notification
from monitor.notify.answers import AnswerRules
from monitor.notify.context import SenderContext
from monitor.notify.encoding import as_json
from monitor.notify.mattermost.message import message_of
from monitor.notify.mattermost.settings import MattermostSettings
from monitor.notify.posting import MessageSender, Post


class MattermostSender(MessageSender):
    """Makes the attempts at one receiver."""

    # A webhook that was deleted, or whose channel is gone, is refused with 400.
    rules = AnswerRules(
        "Mattermost",
        is_page_taken=False,
        fixable_words=("incoming_webhook.invalid", "invalid webhook", "channel"),
    )

    def __init__(self, settings: MattermostSettings, context: SenderContext) -> None:
        super().__init__(context)
        self._settings = settings

    def message(self, notification: Notification) -> Post:
        """Make the request."""
        body = as_json(message_of(notification, self._external_url))
        return Post(self._settings.address(self._secrets), body)
