"""POST a message for people to a webhook of a Discord channel."""

from __future__ import annotations

from monitor.model.alerts import Notification
from monitor.notify.answers import AnswerRules
from monitor.notify.context import SenderContext
from monitor.notify.discord.message import message_of
from monitor.notify.discord.settings import DiscordSettings
from monitor.notify.encoding import as_json
from monitor.notify.incoming_webhook import with_parameters
from monitor.notify.posting import MessageSender, Post


class DiscordSender(MessageSender):
    """Makes the attempts at one receiver."""

    # A forum refuses with 400 what names no thread: that is the address's, not the message's.
    rules = AnswerRules(
        "Discord",
        is_page_taken=False,
        fixable_words=("thread_",),
        retry_after=("retry_after",),
    )

    def __init__(self, settings: DiscordSettings, context: SenderContext) -> None:
        super().__init__(context)
        self._settings = settings

    def message(self, notification: Notification) -> Post:
        """Make the request."""
        # Without it Discord answers before it has the message, and says nothing when it loses it.
        address = with_parameters(self._settings.address(self._secrets), "wait=true")
        return Post(address, as_json(message_of(notification, self._external_url)))
