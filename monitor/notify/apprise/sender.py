"""Send a message to one service by the library Apprise, or one for each alert to what keeps incidents."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from monitor.alerting.severity import without_severity
from monitor.model.alerts import Alert, Notification
from monitor.model.errors import DeliveryError
from monitor.notify.answers import ANY_SERVICE, AnswerRules
from monitor.notify.apprise.address import ALERT, fault_of, parts_in
from monitor.notify.apprise.conversation import Conversation
from monitor.notify.apprise.message import message_of
from monitor.notify.apprise.settings import AppriseSettings
from monitor.notify.context import SenderContext
from monitor.notify.deadline_socket import DeadlineSocket
from monitor.notify.encoding import digest
from monitor.notify.progress import DeliveryStep, Progress

if TYPE_CHECKING:
    from monitor.notify.apprise.library import AppriseService

_SIGNAL: Final = AnswerRules("Signal", fixable=frozenset({400}))
# It has 400 for a line to Signal that is down, too.
_RULES: Final[Mapping[str, AnswerRules]] = MappingProxyType(
    {
        "pover": AnswerRules(
            "Pushover", fixable_words=("user identifier", "application token")
        ),
        "signal": _SIGNAL,
        "signals": _SIGNAL,
    }
)


class AppriseSender:
    """Makes the attempts at one receiver; a service is kept for as long as its address is the same."""

    def __init__(self, settings: AppriseSettings, context: SenderContext) -> None:
        self._settings = settings
        self._secrets = context.transport.secrets
        self._seconds = context.timeout.total_seconds()
        self._external_url = context.external_url
        self._tls = context.transport.tls
        self._socket = DeadlineSocket(context.transport.watchdog)
        self._progress = Progress()
        self._address = ""
        self._service: AppriseService | None = None

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt at all that was not taken yet, within the receiver's timeout."""
        address = self._settings.address(self._secrets)
        fault = fault_of(address)
        if fault:
            where = f"{self._settings.url_file}: {fault}"
            raise DeliveryError("url_file", where, recoverable=True)
        # At the first attempt, not at the start of the program: it takes longer than all else of that.
        from monitor.notify.apprise.library import lead_library

        lead_library()
        deadline = time.monotonic() + self._seconds
        refusals = self._progress.take(
            notification.key, self._steps(notification, address, deadline, now)
        )
        if refusals:
            first = refusals[0]
            raise DeliveryError(first.reason, first.message, recoverable=False)

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._socket.cut_for_good()

    def close(self) -> None:
        """Let the socket go; no connection outlasts an attempt."""
        self._socket.release()

    def _steps(
        self, notification: Notification, address: str, deadline: float, now: datetime
    ) -> Iterator[DeliveryStep]:
        for position, (name, part) in enumerate(_parts(notification, address)):
            named = address.replace(ALERT, name)
            send = partial(self._send_one, part, named, deadline, now)
            yield f"{position} {name}", send

    def _send_one(
        self, notification: Notification, address: str, deadline: float, now: datetime
    ) -> None:
        service = self._service_at(address)
        message = message_of(notification, service.room, self._external_url)
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            late = "not all alerts were sent in time"
            raise DeliveryError("timeout", late, recoverable=True)
        self._tls = self._tls or ssl.create_default_context()
        conversation = Conversation(self._socket, self._tls, self._seconds)
        with self._socket.within(seconds):
            is_taken = service.notify(message, conversation)
        self._socket.release()
        conversation.require_taken(
            is_taken=is_taken,
            rules=_rules_of(address),
            secrets=parts_in(address),
            now=now,
        )

    def _service_at(self, address: str) -> AppriseService:
        from monitor.notify.apprise.library import AppriseService

        if self._service is None or self._address != address:
            self._service = AppriseService(address)
            self._address = address
        return self._service


def _parts(
    notification: Notification, address: str
) -> Iterator[tuple[str, Notification]]:
    """Return what is a message of its own, with its name: all, or each alert."""
    if ALERT not in address:
        yield "", notification
        return
    for alert in notification.alerts:
        yield _name_of(alert), replace(notification, alerts=(alert,))


def _name_of(alert: Alert) -> str:
    """Return what stays the same while an alert goes on, also where it gets louder."""
    labels = without_severity(alert.labels)
    return digest(repr(labels))


def _rules_of(address: str) -> AnswerRules:
    scheme = address.partition("://")[0].lower()
    return _RULES.get(scheme, ANY_SERVICE)
