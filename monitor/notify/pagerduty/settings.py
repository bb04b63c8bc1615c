"""`kind = "pagerduty"`: what such a receiver has of its own, and the keys that say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import Url, VariableName, refuse_literal
from monitor.config.toml.validation import Text
from monitor.model.settings import ReceiverSettings
from monitor.model.targets import NamedFile, PasswordSource, secret_file

PUBLIC_URL: Final = "https://events.pagerduty.com/v2/enqueue"


@dataclass(frozen=True, slots=True)
class PagerdutySettings(ReceiverSettings):
    """The key of a service's integration, and where its events go."""

    kind: ClassVar[str] = "pagerduty"
    keeps_incidents: ClassVar[bool] = True

    routing_key: PasswordSource
    url: str = field(default=PUBLIC_URL, repr=False)

    def files(self) -> Sequence[NamedFile]:
        """Return the file with the key."""
        return secret_file("routing_key_file", self.routing_key)

    def secrets(self) -> Sequence[str]:
        """Return nothing: the key is never in the configuration itself."""
        return ()


class PagerdutySchema(ReceiverSchema):
    """`kind = "pagerduty"`."""

    url: Url = PUBLIC_URL
    routing_key: Annotated[Any, refuse_literal("key", "routing_key")] = None
    routing_key_file: Text | None = None
    routing_key_env: VariableName | None = None


def read_pagerduty(table: ReceiverTable) -> PagerdutySettings:
    """Read the table; problems are noted in it."""
    checked = table.validate(PagerdutySchema)
    key = table.required_secret(
        "routing_key", checked.routing_key_file, checked.routing_key_env
    )
    table.require_tls(checked.url, "routing key")
    return PagerdutySettings(key, checked.url)
