"""What a receiver of e-mail has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias, assert_never

from monitor.model.settings import ReceiverSettings
from monitor.model.targets import NamedFile, PasswordSource

SmtpTls: TypeAlias = Literal["starttls", "implicit", "disabled"]
"""From the middle of a conversation on, from its first byte on, or not at all."""


@dataclass(frozen=True, slots=True)
class EmailSettings(ReceiverSettings):
    """One SMTP server and who gets the mails; beyond this machine only with TLS if there is a password."""

    kind: ClassVar[str] = "email"

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    tls: SmtpTls = "starttls"
    ca_file: Path | None = None
    user: str | None = None
    password: PasswordSource | None = None

    @property
    def address(self) -> str:
        """Return where the server is, as messages name it."""
        return f"{self.host}:{self.port}"

    def files(self) -> Sequence[NamedFile]:
        """Return the files with the password and with the authorities of the server's certificate."""
        files = []
        if self.password is not None and self.password.file is not None:
            files.append(NamedFile("password_file", self.password.file, "password"))
        if self.ca_file is not None:
            files.append(NamedFile("ca_file", self.ca_file, "certificates"))
        return files

    def secrets(self) -> Sequence[str]:
        """Return nothing: the password is never in the configuration itself."""
        return ()


def default_port(tls: SmtpTls) -> int:
    """Return the port where a server listens for this way to protect mail."""
    match tls:
        case "starttls":
            return 587  # submission (RFC 6409)
        case "implicit":
            return 465  # submission with TLS from the first byte (RFC 8314)
        case "disabled":
            return 25  # relay (RFC 5321)
        case _:
            assert_never(tls)
