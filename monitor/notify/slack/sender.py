"""POST a message for people to a Slack incoming webhook, or to what takes the same."""

from __future__ import annotations

import json
from datetime import datetime

from monitor.model.alerts import Notification
from monitor.model.errors import DeliveryError
from monitor.notify.context import SenderContext
from monitor.notify.http_client import HttpClient
from monitor.notify.secrets import address_of
from monitor.notify.slack.message import message_of
from monitor.notify.slack.settings import SlackSettings


class SlackSender:
    """Makes the attempts at one receiver."""

    def __init__(self, settings: SlackSettings, context: SenderContext) -> None:
        self._settings = settings
        self._secrets = context.transport.secrets
        self._http = HttpClient(context.transport, timeout=context.timeout)
        self._external_url = context.external_url

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt."""
        body = json.dumps(message_of(notification, self._external_url)).encode()
        address = address_of(self._settings.url, self._settings.url_file, self._secrets)
        try:
            self._http.send(address, body, {}, now=now)
        except DeliveryError as error:
            if error.reason == "http_410":
                # channel_is_archived: it can be brought back, or the address be replaced.
                error.recoverable = True
            raise

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._http.abort()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()
