"""A receiver for the demo: accepts the monitor's webhooks on a local port and passes on each alert in them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

_MAX_BODY_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Received:
    """One alert of one webhook."""

    status: str
    alertname: str
    summary: str
    runbook: str = ""


class WebhookReceiver:
    """An HTTP server on a free port of the loopback; `on_alert` is called in its threads."""

    def __init__(self, on_alert: Callable[[Received], None]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(on_alert))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="demo-webhook", daemon=True
        )

    @property
    def url(self) -> str:
        """Return where it accepts webhooks."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> WebhookReceiver:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def read_alerts(body: bytes) -> list[Received]:
    """Read Alertmanager's webhook body, version 4; ValueError, KeyError or TypeError when it is none."""
    return [_alert(alert) for alert in json.loads(body)["alerts"]]


def _alert(alert: dict[str, Any]) -> Received:
    annotations = alert.get("annotations", {})
    return Received(
        status=str(alert["status"]),
        alertname=str(alert["labels"]["alertname"]),
        summary=str(annotations.get("summary", "")),
        runbook=str(annotations.get("runbook", "")),
    )


def _handler(on_alert: Callable[[Received], None]) -> type[BaseHTTPRequestHandler]:
    class AlertHandler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 < length <= _MAX_BODY_BYTES:
                self.send_error(413)
                return
            try:
                alerts = read_alerts(self.rfile.read(length))
            except (ValueError, KeyError, TypeError):
                self.send_error(400)
                return
            for alert in alerts:
                on_alert(alert)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited name
            """Log nothing: what matters is printed by `on_alert`."""

    return AlertHandler
