"""`kind = "email"`: what such a receiver has of its own, and the keys that say it; defaults follow from the host."""

# ruff: noqa: RUF012 -- the validator copies defaults for each instance

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import Host, RefusedPassword, VariableName
from monitor.config.toml.validation import Text, integer_in
from monitor.model.hosts import is_loopback
from monitor.model.settings import ReceiverSettings
from monitor.model.targets import NamedFile, PasswordSource, named_file, secret_file

SmtpTls: TypeAlias = Literal["starttls", "implicit", "disabled"]
"""From the middle of a conversation on, from its first byte on, or not at all."""


@dataclass(frozen=True, slots=True)
class EmailSettings(ReceiverSettings):
    """One SMTP server and who gets the mails; beyond this machine only with TLS if there is a password."""

    kind: ClassVar[str] = "email"
    how: ClassVar[frozenset[str]] = frozenset(
        {"host", "port", "sender", "tls", "ca_file", "user", "password"}
    )

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
        return (
            *secret_file("password_file", self.password, "password"),
            *named_file("ca_file", self.ca_file, "certificates"),
        )

    def secrets(self) -> Sequence[str]:
        """Return nothing: the password is never in the configuration itself."""
        return ()


DEFAULT_PORTS: Final[Mapping[SmtpTls, int]] = {
    "starttls": 587,  # submission (RFC 6409)
    "implicit": 465,  # submission with TLS from the first byte (RFC 8314)
    "disabled": 25,  # relay (RFC 5321)
}
"""Where a server listens, by the way to protect mail."""


_ADDRESS: Final = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9._-]+"
_MAILBOX: Final = re.compile(rf"(?a:{_ADDRESS}|[\w.' -]+ ?<{_ADDRESS}>)")


def _mailbox(value: str) -> str:
    if _MAILBOX.fullmatch(value) is None:
        raise ValueError(
            "is not a mail address; allowed: NAME@HOST or Display Name <NAME@HOST>, in ASCII"
        )
    return value


_Mailbox = Annotated[str, AfterValidator(_mailbox)]


class EmailSchema(ReceiverSchema):
    """`kind = "email"`."""

    stand_ins = {
        "host": "-",
        "from": "nobody@example.com",
        "to": ["nobody@example.com"],
    }

    host: Host
    port: Annotated[int, integer_in(1, 65535)] | None = None
    from_: _Mailbox = Field(alias="from")
    to: list[_Mailbox]
    tls: SmtpTls | None = None
    ca_file: Text | None = None
    user: Text | None = None
    password: RefusedPassword = None
    password_file: Text | None = None
    password_env: VariableName | None = None


def read_email(table: ReceiverTable) -> EmailSettings:
    """Read the table; problems are noted in it."""
    checked = table.validate(EmailSchema)
    table.refuse_two("password_file", "password_env")
    is_local = is_loopback(checked.host)
    tls = checked.tls or ("disabled" if is_local else "starttls")
    password = table.secret(checked.password_file, checked.password_env)
    if not checked.to and table.has("to"):
        table.add("is empty; at least one address is required", "to")
    _check_user(checked, table)
    if tls == "disabled":
        # Where there is no host a stand-in has its place, of which nothing can be said.
        if password is not None and not is_local and table.has("host"):
            table.add(
                "a password is not sent without TLS beyond this machine;"
                ' allowed: "starttls", "implicit"',
                "tls",
            )
        if checked.ca_file is not None:
            table.add(
                'means nothing while tls is disabled; give tls = "starttls" or "implicit"',
                "ca_file",
            )
    return EmailSettings(
        host=checked.host,
        port=checked.port or DEFAULT_PORTS[tls],
        sender=checked.from_,
        to=tuple(checked.to),
        tls=tls,
        ca_file=table.path(checked.ca_file),
        user=checked.user,
        password=password,
    )


def _check_user(checked: EmailSchema, table: ReceiverTable) -> None:
    """Note a user without a password, and a password without a user."""
    given = table.given("password_file", "password_env", "password")
    if checked.user is not None and not given:
        table.add('goes with "password_file" or "password_env"', "user")
    if given and not table.has("user"):
        table.add('goes with "user"', given[0])
