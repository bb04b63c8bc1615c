"""POST alerts to one Alertmanager, by version 2 of its API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from monitor.model.alerts import Alert, AlertState
from monitor.notify.alertmanager.settings import AlertmanagerSettings
from monitor.notify.answers import AnswerRules
from monitor.notify.attempt import Send
from monitor.notify.context import SenderContext
from monitor.notify.http_client import HttpClient
from monitor.notify.payload import annotations_of, as_strings, generator_url, rfc3339

# As Prometheus (rules.sendAlerts): three sends may get lost before an alert ends by mistake.
DELAYS_UNTIL_END: Final = 4
# Of a test alert: four of them are a minute, after which it is over by itself.
_TEST_RESEND_DELAY: Final = timedelta(seconds=15)
# It says yes with an empty body; what asks for a password on the way says it with a page.
_RULES: Final = AnswerRules("Alertmanager", is_page_taken=False)


class AlertmanagerSender:
    """Sends alerts to one address; the firing ones end there by themselves after four resend delays."""

    def __init__(
        self, url: str, resend_delay: timedelta, context: SenderContext
    ) -> None:
        self._address = f"{url.rstrip('/')}/api/v2/alerts"
        self._resend_delay = resend_delay
        self._http = HttpClient(
            context.transport, rules=_RULES, timeout=context.timeout
        )
        self._external_url = context.external_url

    def send(self, alerts: Sequence[Alert], now: datetime) -> None:
        """Make one attempt at all of them; DeliveryError if it was not taken."""
        ends_at = now + DELAYS_UNTIL_END * self._resend_delay
        body = [
            alert_body(alert, now=now, ends_at=ends_at, external_url=self._external_url)
            for alert in alerts
        ]
        self._http.send(self._address, json.dumps(body).encode(), {}, now=now)

    def abort(self) -> None:
        """Cut the attempt under way, from another thread; nothing is sent afterwards."""
        self._http.abort()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def alert_body(
    alert: Alert, *, now: datetime, ends_at: datetime, external_url: str
) -> dict[str, Any]:
    """Make one element of what `POST /api/v2/alerts` takes; one that fires ends at `ends_at`."""
    end = ends_at
    if alert.state is not AlertState.FIRING:
        # An end that is to come would have it fire there: by a clock that is being set back.
        end = min(alert.resolved_at or now, now)
    body: dict[str, Any] = {
        "labels": as_strings(alert.labels),
        "annotations": annotations_of(alert),
        "startsAt": rfc3339(alert.fired_at and min(alert.fired_at, end)),
        "endsAt": rfc3339(end),
    }
    address = generator_url(alert, external_url)
    if address:
        body["generatorURL"] = address
    return body


def test_sends(
    settings: AlertmanagerSettings, alert: Alert, context: SenderContext
) -> Sequence[Send]:
    """Return how a test alert, over within a minute, is sent to each address."""
    return tuple(
        _send_once(AlertmanagerSender(url, _TEST_RESEND_DELAY, context), alert)
        for url in settings.urls
    )


def _send_once(sender: AlertmanagerSender, alert: Alert) -> Send:
    def send(now: datetime) -> None:
        try:
            sender.send((alert,), now)
        finally:
            sender.close()

    return send
