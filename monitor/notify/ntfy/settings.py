"""`kind = "ntfy"`: what such a receiver has of its own, and the keys that say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from monitor.config.receivers import ReceiverTable
from monitor.config.schema import VariableName, refuse_literal
from monitor.config.toml.validation import Text
from monitor.model.targets import NamedFile, PasswordSource, secret_file
from monitor.notify.incoming_webhook import (
    IncomingWebhookSchema,
    IncomingWebhookSettings,
    read_address,
)
from monitor.notify.ntfy.topic import topic_of


@dataclass(frozen=True, slots=True)
class NtfySettings(IncomingWebhookSettings):
    """The address of a topic, which is as good as a password, and the token of an account."""

    kind: ClassVar[str] = "ntfy"
    how: ClassVar[frozenset[str]] = frozenset({"token"})

    token: PasswordSource | None = None

    def files(self) -> Sequence[NamedFile]:
        """Return the files with the address and the token."""
        # Not super(): a dataclass with slots is another class than the one that it is written in.
        address = IncomingWebhookSettings.files(self)
        return (*address, *secret_file("token_file", self.token))


class NtfySchema(IncomingWebhookSchema):
    """`kind = "ntfy"`."""

    token: Annotated[Any, refuse_literal("token", "token")] = None
    token_file: Text | None = None
    token_env: VariableName | None = None


def read_ntfy(table: ReceiverTable) -> NtfySettings:
    """Read the table; problems are noted in it."""
    checked = table.validate(NtfySchema)
    address, file = read_address(table, checked)
    table.refuse_two("token_file", "token_env")
    token = table.secret(checked.token_file, checked.token_env)
    if address and topic_of(address) is None:
        table.add("names no topic; allowed: such as https://ntfy.sh/TOPIC", "url")
    if address and token is not None:
        table.require_tls(address, "token")
    return NtfySettings(address, file, token)
