"""`kind = "jira"`: what such a receiver has of its own, and the keys that say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from monitor.config.receivers import ReceiverTable
from monitor.config.schema import RootUrl
from monitor.notify.opsgenie.settings import (
    AlertApiSchema,
    AlertApiSettings,
    read_key_and_url,
)

PUBLIC_URL: Final = "https://api.atlassian.com/jsm/ops/integration/v2/alerts"


@dataclass(frozen=True, slots=True)
class JiraSettings(AlertApiSettings):
    """The key of an API integration of Jira Service Management, and where its alerts go."""

    kind: ClassVar[str] = "jira"

    url: str = PUBLIC_URL


class JiraSchema(AlertApiSchema):
    """`kind = "jira"`."""

    url: RootUrl = PUBLIC_URL


def read_jira(table: ReceiverTable) -> JiraSettings:
    """Read the table; problems are noted in it."""
    return JiraSettings(*read_key_and_url(table, table.validate(JiraSchema)))
