"""`kind = "opsgenie"`: what such a receiver has of its own, and the keys that say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import RootUrl, VariableName, refuse_literal
from monitor.config.toml.validation import Text
from monitor.model.receivers import ReceiverSettings
from monitor.model.targets import NamedFile, PasswordSource, secret_file

PUBLIC_URL: Final = "https://api.opsgenie.com/v2/alerts"


@dataclass(frozen=True, slots=True)
class AlertApiSettings(ReceiverSettings):
    """The key of an API integration, and where its alerts go; of Opsgenie, and of what has the same API."""

    keeps_incidents: ClassVar[bool] = True

    api_key: PasswordSource
    url: str

    def files(self) -> Sequence[NamedFile]:
        """Return the file with the key."""
        return secret_file("api_key_file", self.api_key)

    def secrets(self) -> Sequence[str]:
        """Return nothing: the key is never in the configuration itself."""
        return ()


@dataclass(frozen=True, slots=True)
class OpsgenieSettings(AlertApiSettings):
    """The same of Opsgenie itself."""

    kind: ClassVar[str] = "opsgenie"

    url: str = PUBLIC_URL


class AlertApiSchema(ReceiverSchema):
    """The keys of a kind with this API; each has a default of its own for the address."""

    url: RootUrl
    api_key: Annotated[Any, refuse_literal("key", "api_key")] = None
    api_key_file: Text | None = None
    api_key_env: VariableName | None = None


class OpsgenieSchema(AlertApiSchema):
    """`kind = "opsgenie"`."""

    url: RootUrl = PUBLIC_URL


def read_opsgenie(table: ReceiverTable) -> OpsgenieSettings:
    """Read the table; problems are noted in it."""
    return OpsgenieSettings(*read_key_and_url(table, table.validate(OpsgenieSchema)))


def read_key_and_url(
    table: ReceiverTable, checked: AlertApiSchema
) -> tuple[PasswordSource, str]:
    """Return where the key is and where alerts go; problems are noted in the table."""
    key = table.required_secret("api_key", checked.api_key_file, checked.api_key_env)
    table.require_tls(checked.url, "API key")
    return key, checked.url
