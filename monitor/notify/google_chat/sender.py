"""POST a card to a webhook of a Google Chat space."""

from __future__ import annotations

import json

from monitor.model.alerts import Notification
from monitor.notify.answers import AnswerRules
from monitor.notify.context import SenderContext
from monitor.notify.encoding import digest
from monitor.notify.google_chat.message import message_of
from monitor.notify.google_chat.settings import GoogleChatSettings
from monitor.notify.incoming_webhook import with_parameters
from monitor.notify.posting import MessageSender, Post


class GoogleChatSender(MessageSender):
    """Makes the attempts at one receiver; key and token of the address let anybody post."""

    # A key that is not one any more is refused with 400.
    rules = AnswerRules(
        "Google Chat", is_page_taken=False, fixable_words=("api_key", "api key")
    )

    def __init__(self, settings: GoogleChatSettings, context: SenderContext) -> None:
        super().__init__(context)
        self._settings = settings

    def message(self, notification: Notification) -> Post:
        """Make the request: all about one rule and target is one thread, and no attempt makes a second message."""
        parameters = (
            f"requestId={digest(notification.key)}"
            "&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
        )
        address = with_parameters(self._settings.address(self._secrets), parameters)
        group = json.dumps(dict(notification.group), sort_keys=True)
        body = message_of(notification, digest(group), self._external_url)
        return Post(address, body)
