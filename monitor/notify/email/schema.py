"""The keys of `kind = "email"`, and how they become its settings: with defaults that follow from where it is."""

# ruff: noqa: RUF012 -- the validator copies defaults for each instance

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import Host, RefusedPassword, VariableName
from monitor.config.toml.validation import Text, between
from monitor.model.hosts import is_loopback
from monitor.notify.email.settings import EmailSettings, SmtpTls, default_port

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
    port: Annotated[int, between(1, 65535)] | None = None
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
        port=checked.port or default_port(tls),
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
