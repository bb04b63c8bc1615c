"""`kind = "slack"`: what such a receiver has of its own, and the keys that say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import Url
from monitor.config.toml.validation import Text
from monitor.model.settings import ReceiverSettings
from monitor.model.targets import NamedFile, named_file
from monitor.secrets.redaction import in_address


@dataclass(frozen=True, slots=True)
class SlackSettings(ReceiverSettings):
    """The address of an incoming webhook, which is a secret as a whole and not shown."""

    kind: ClassVar[str] = "slack"

    url: str = field(default="", repr=False)
    url_file: Path | None = None
    """Read at each attempt; then `url` is empty."""

    def files(self) -> Sequence[NamedFile]:
        """Return the file with the address."""
        return named_file("url_file", self.url_file)

    def secrets(self) -> Sequence[str]:
        """Return the parts of the address that let anybody post."""
        return in_address(self.url) if self.url else ()


class SlackSchema(ReceiverSchema):
    """`kind = "slack"`."""

    url: Url | None = None
    url_file: Text | None = None


def read_slack(table: ReceiverTable) -> SlackSettings:
    """Read the table; problems are noted in it."""
    checked = table.validate(SlackSchema)
    table.require_one("url", "url_file")
    return SlackSettings(url=checked.url or "", url_file=table.path(checked.url_file))
