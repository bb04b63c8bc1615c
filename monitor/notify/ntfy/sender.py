"""POST a message to a topic of ntfy.sh, or of an ntfy server of one's own."""

from __future__ import annotations

from urllib.parse import urlsplit

from monitor.model.alerts import Notification
from monitor.model.errors import DeliveryError
from monitor.model.hosts import is_loopback
from monitor.notify.answers import AnswerRules
from monitor.notify.context import SenderContext
from monitor.notify.encoding import as_json
from monitor.notify.ntfy.message import message_of
from monitor.notify.ntfy.settings import NtfySettings
from monitor.notify.ntfy.topic import topic_of
from monitor.notify.posting import MessageSender, Post
from monitor.notify.secrets import read_secret


class NtfySender(MessageSender):
    """Makes the attempts at one receiver, whose address is a topic's."""

    # A topic whose name is not allowed is refused with 400.
    rules = AnswerRules(
        "ntfy", is_page_taken=False, fixable_words=("topic invalid", "topic name")
    )

    def __init__(self, settings: NtfySettings, context: SenderContext) -> None:
        super().__init__(context)
        self._settings = settings

    def message(self, notification: Notification) -> Post:
        """Make the request: JSON goes to the server, since headers carry neither lines nor every letter."""
        found = topic_of(self._settings.address(self._secrets))
        if found is None:
            text = f"{self._settings.url_file}: names no topic"
            raise DeliveryError("url_file", text, recoverable=True)
        server, topic = found
        headers = {}
        secrets = [topic]
        if self._settings.token is not None:
            self._require_tls(server)
            token = read_secret(self._settings.token, self._secrets)
            headers["Authorization"] = f"Bearer {token}"
            secrets.append(token)
        body = as_json(message_of(notification, topic, self._external_url))
        return Post(server, body, headers, tuple(secrets))

    def _require_tls(self, server: str) -> None:
        """Raise DeliveryError where the token would go in clear, to an address of a file."""
        address = urlsplit(server)
        if address.scheme != "https" and not is_loopback(address.hostname or ""):
            text = (
                f"{self._settings.url_file}: the token is not sent without TLS beyond this machine;"
                " give https://…"
            )
            raise DeliveryError("url_file", text, recoverable=True)
