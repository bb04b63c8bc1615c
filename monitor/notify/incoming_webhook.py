"""Settings of receivers that are an incoming webhook: one address, which is a secret as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import Url
from monitor.config.toml.validation import Text
from monitor.model.receivers import ReceiverSettings
from monitor.model.targets import NamedFile, named_file
from monitor.notify.secrets import address_of
from monitor.secrets.reader import SecretReader
from monitor.secrets.redaction import in_address


@dataclass(frozen=True, slots=True)
class IncomingWebhookSettings(ReceiverSettings):
    """The address of an incoming webhook, which is a secret as a whole and not shown."""

    url: str = field(default="", repr=False)
    url_file: Path | None = None
    """Read at each attempt; then `url` is empty."""

    def files(self) -> Sequence[NamedFile]:
        """Return the file with the address."""
        return named_file("url_file", self.url_file)

    def secrets(self) -> Sequence[str]:
        """Return the parts of the address that let anybody post."""
        return in_address(self.url) if self.url else ()

    def address(self, secrets: SecretReader) -> str:
        """Return the address; DeliveryError where its file cannot be read."""
        return address_of(self.url, self.url_file, secrets)


class IncomingWebhookSchema(ReceiverSchema):
    """The keys of a kind that is an incoming webhook."""

    url: Url | None = None
    url_file: Text | None = None


def read_address(
    table: ReceiverTable, checked: IncomingWebhookSchema
) -> tuple[str, Path | None]:
    """Return the address and the file with it, one of which is empty; problems are noted in the table."""
    table.require_one("url", "url_file")
    return checked.url or "", table.path(checked.url_file)


def with_parameters(address: str, parameters: str) -> str:
    """Add `name=value` pairs to the query of an address."""
    return f"{address}{'&' if '?' in address else '?'}{parameters}"
