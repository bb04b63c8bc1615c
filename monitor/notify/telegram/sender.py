"""POST a message for people to a chat by a Telegram bot."""

from __future__ import annotations

from typing import Any

from monitor.model.alerts import Notification
from monitor.notify.answers import AnswerRules
from monitor.notify.context import SenderContext
from monitor.notify.encoding import as_json
from monitor.notify.posting import MessageSender, Post
from monitor.notify.secrets import read_secret
from monitor.notify.telegram.message import is_silent, text_of
from monitor.notify.telegram.settings import TelegramSettings


class TelegramSender(MessageSender):
    """Makes the attempts at one receiver. The token is a part of the address."""

    # With 400 it refuses also a chat, thread or topic that is gone, and a bot without rights there.
    rules = AnswerRules(
        "Telegram",
        is_page_taken=False,
        fixable_words=(
            *("chat not found", "supergroup chat", "thread not found"),
            *("topic_", "not enough rights", "have no rights"),
        ),
        retry_after=("parameters", "retry_after"),
    )

    def __init__(self, settings: TelegramSettings, context: SenderContext) -> None:
        super().__init__(context)
        self._settings = settings

    def message(self, notification: Notification) -> Post:
        """Make the request."""
        settings = self._settings
        token = read_secret(settings.bot_token, self._secrets)
        message: dict[str, Any] = {
            "chat_id": settings.chat_id,
            "text": text_of(notification, self._external_url),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
            "disable_notification": is_silent(notification),
        }
        if settings.thread_id is not None:
            message["message_thread_id"] = settings.thread_id
        address = f"{settings.url.rstrip('/')}/bot{token}/sendMessage"
        return Post(address, as_json(message), secrets=(token,))
