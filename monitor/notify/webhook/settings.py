"""What a webhook has of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from monitor.model.settings import ReceiverSettings
from monitor.model.targets import NamedFile, PasswordSource
from monitor.secrets.redaction import in_headers


@dataclass(frozen=True, slots=True)
class WebhookSettings(ReceiverSettings):
    """One address, and what is sent there; address, headers and template may hold secrets: not shown."""

    kind: ClassVar[str] = "webhook"

    url: str = field(default="", repr=False)
    url_file: Path | None = None
    """Read at each attempt; then `url` is empty."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    header_files: Mapping[str, Path] = field(default_factory=dict)
    """Headers whose values are secrets, read at each attempt."""
    hmac_secret: PasswordSource | None = None
    template: str | None = field(default=None, repr=False)
    """The text of a body of the user's own; None for Alertmanager's."""
    content_type: str = "application/json"

    def files(self) -> Sequence[NamedFile]:
        """Return the files with the address, the headers' values and the key to sign with."""
        files = [] if self.url_file is None else [NamedFile("url_file", self.url_file)]
        for name, path in self.header_files.items():
            files.append(NamedFile(f"header_files.{name}", path))
        if self.hmac_secret is not None and self.hmac_secret.file is not None:
            files.append(NamedFile("hmac_secret_file", self.hmac_secret.file))
        return files

    def secrets(self) -> Sequence[str]:
        """Return the values of those headers whose names say that they are secrets."""
        return in_headers(self.headers)
