"""`kind = "apprise"`: what such a receiver has of its own, and the keys that say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.toml.validation import Text
from monitor.notify.apprise.address import fault_of, secrets_in
from monitor.notify.incoming_webhook import IncomingWebhookSettings
from monitor.notify.secrets import address_of
from monitor.secrets.reader import SecretReader

_NOT_INSTALLED = (
    '"apprise" needs the package apprise, which is not installed beside this program;'
    ' install token-monitor with its extra: pip install "token-monitor[apprise]"'
)


@dataclass(frozen=True, slots=True)
class AppriseSettings(IncomingWebhookSettings):
    """The address of one service, as Apprise writes it; nearly all of it can be secret."""

    kind: ClassVar[str] = "apprise"

    def secrets(self) -> Sequence[str]:
        """Return the address and its parts."""
        return secrets_in(self.url) if self.url else ()

    def address(self, secrets: SecretReader) -> str:
        """Return the address; DeliveryError where its file cannot be read."""
        return address_of(self.url, self.url_file, secrets, parts=secrets_in)


class AppriseSchema(ReceiverSchema):
    """`kind = "apprise"`."""

    url: Text | None = None
    url_file: Text | None = None


def read_apprise(table: ReceiverTable) -> AppriseSettings:
    """Read the table; problems are noted in it."""
    checked = table.validate(AppriseSchema)
    table.require_one("url", "url_file")
    fault = fault_of(checked.url) if checked.url else ""
    if fault:
        table.add(fault, "url")
    # Looked for, not imported: that takes longer than all else of a start.
    if find_spec("apprise") is None:
        table.add(_NOT_INSTALLED, "kind")
    return AppriseSettings(checked.url or "", table.path(checked.url_file))
