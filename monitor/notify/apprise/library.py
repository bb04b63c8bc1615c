"""The library Apprise: a service made of an address, whose requests and log come to us; imported when one is sent to.

The library says True or False of a delivery, and has time limits for each byte. So its requests are led over
connections of ours, by the one name by which `requests` makes its own (docs/adr/0065-apprise.md).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import apprise
import requests
from requests.adapters import HTTPAdapter

from monitor import __version__
from monitor.model.errors import DeliveryError
from monitor.notify.apprise.conversation import Conversation
from monitor.notify.apprise.message import MessageRoom, ServiceMessage

_UNDER_WAY: ContextVar[Conversation | None] = ContextVar("delivery", default=None)


class LedAdapter(HTTPAdapter):  # type: ignore[misc]  # of an extra, which the type checker does not see
    """Makes the requests of the delivery that is under way in this thread, and no others."""

    def send(
        self, request: requests.PreparedRequest, *_: object, **__: object
    ) -> requests.Response:
        """Make one request; time limits, proxies and trust are ours, whatever the library asks for."""
        conversation = _UNDER_WAY.get()
        if conversation is None:
            raise requests.ConnectionError("no delivery is under way")
        body = request.body.encode() if isinstance(request.body, str) else request.body
        headers = _as_text(request.headers)
        headers["Accept-Encoding"] = "identity"
        headers["User-Agent"] = f"token-monitor/{__version__}"
        try:
            answer = conversation.exchange(request.method, request.url, headers, body)
        except DeliveryError:
            raise requests.ConnectionError("see what is remembered") from None
        return self.build_response(request, answer)


class _DeliveryLog(logging.Handler):
    """Hands what the library logs to the delivery that is under way: addresses and answers are in it."""

    def emit(self, record: logging.LogRecord) -> None:
        conversation = _UNDER_WAY.get()
        if conversation is not None:
            conversation.say(record.getMessage())


class AppriseService:
    """One service of the library; kept, since some log in at their first message. Of one thread."""

    def __init__(self, address: str) -> None:
        self._library = apprise.Apprise(asset=_asset())
        self._plugin = _plugin_of(address, self._library.asset)
        self._library.add(self._plugin)

    @property
    def room(self) -> MessageRoom:
        """Return how long title and text may be."""
        body = int(self._plugin.body_maxlen)
        # As HTML a text is longer than it was.
        is_html = self._plugin.notify_format == apprise.NotifyFormat.HTML
        return MessageRoom(
            int(self._plugin.title_maxlen), body // 2 if is_html else body
        )

    @property
    def _body_format(self) -> apprise.NotifyFormat:
        # The library would escape every dot for Markdown, those of links too, which then lead nowhere.
        if self._plugin.notify_format == apprise.NotifyFormat.MARKDOWN:
            return apprise.NotifyFormat.MARKDOWN
        return apprise.NotifyFormat.TEXT

    def notify(self, message: ServiceMessage, conversation: Conversation) -> bool:
        """Send a message; return whether the library takes what was answered for a yes."""
        token = _UNDER_WAY.set(conversation)
        try:
            is_taken = self._library.notify(
                body=message.body,
                title=message.title,
                notify_type=apprise.NotifyType(message.type),
                body_format=self._body_format,
            )
        finally:
            _UNDER_WAY.reset(token)
        return bool(is_taken)


def lead_library() -> None:
    """Lead the requests and the log of the library to us, for good; nothing else of the program uses them."""
    requests.sessions.HTTPAdapter = LedAdapter
    logger = logging.getLogger("apprise")
    if any(isinstance(handler, _DeliveryLog) for handler in logger.handlers):
        return
    logger.propagate = False
    logger.addHandler(_DeliveryLog(logging.WARNING))
    # With the first address it imports all its services; that is not to count as the time of a delivery.
    apprise.Apprise.instantiate("json://localhost")


def _asset() -> apprise.AppriseAsset:
    return apprise.AppriseAsset(
        app_id="token-monitor",
        app_desc="token-monitor",
        app_url="",
        # In our thread: in one of its own a delivery would outlast its end.
        async_mode=False,
        service_timeout=0,
        storage_mode="memory",
        http_redirects=False,
        # Pictures of the library's from another site.
        image_url_mask="",
        image_url_logo="",
    )


def _plugin_of(address: str, asset: apprise.AppriseAsset) -> Any:
    """Make the service; DeliveryError, without the address, where there is none that can be used."""
    plugin = apprise.Apprise.instantiate(address, asset=asset)
    if plugin is None:
        raise _unusable("Apprise makes no service of this address")
    name = str(plugin.service_name)
    module = sys.modules[type(plugin).__module__]
    if getattr(module, "requests", None) is not requests:
        raise _unusable(f"{name} is not sent to by HTTP, so no time limit would hold")
    if len(plugin) != 1:
        message = (
            f"{name}: the address has {len(plugin)} destinations; give each a receiver"
        )
        raise _unusable(message)
    plugin.__class__ = _led(type(plugin))
    return plugin


def _led(plugin: type) -> type:
    """Return the same service that neither sleeps nor, when it is forgotten, logs out.

    Python may forget it at any time, in any thread: in the midst of another's delivery.
    """
    own = {
        "__module__": plugin.__module__,
        "__del__": _do_nothing,
        "throttle": _wait_for_nothing,
    }
    return type(plugin.__name__, (plugin,), own)


def _do_nothing(_: object) -> None:
    return


def _wait_for_nothing(*_: object, wait: float | None = None, **__: object) -> None:
    """Take the place of what sleeps between requests: after a 429 it is us who come again."""
    if wait:
        raise requests.ConnectionError("the service asks to be left alone")


def _unusable(message: str) -> DeliveryError:
    return DeliveryError("bad_url", message, recoverable=True)


def _as_text(headers: Mapping[str, str | bytes]) -> dict[str, str]:
    return {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in headers.items()
    }
