"""`kind = "telegram"`: what such a receiver has of its own, and the keys that say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import RootUrl, VariableName, refuse_literal
from monitor.config.toml.validation import ScalarText, Text, integer_in
from monitor.model.receivers import ReceiverSettings
from monitor.model.targets import NamedFile, PasswordSource, secret_file

PUBLIC_URL: Final = "https://api.telegram.org"
_MAX_THREAD: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TelegramSettings(ReceiverSettings):
    """The token of a bot, and the chat that it writes to."""

    kind: ClassVar[str] = "telegram"

    bot_token: PasswordSource
    chat_id: str
    thread_id: int | None = None
    url: str = PUBLIC_URL

    def files(self) -> Sequence[NamedFile]:
        """Return the file with the token."""
        return secret_file("bot_token_file", self.bot_token)

    def secrets(self) -> Sequence[str]:
        """Return nothing: the token is never in the configuration itself."""
        return ()


class TelegramSchema(ReceiverSchema):
    """`kind = "telegram"`."""

    stand_ins: ClassVar[dict[str, Any]] = {"chat_id": "0"}

    url: RootUrl = PUBLIC_URL
    bot_token: Annotated[Any, refuse_literal("token", "bot_token")] = None
    bot_token_file: Text | None = None
    bot_token_env: VariableName | None = None
    chat_id: ScalarText
    thread_id: Annotated[int, integer_in(1, _MAX_THREAD)] | None = None


def read_telegram(table: ReceiverTable) -> TelegramSettings:
    """Read the table; problems are noted in it."""
    checked = table.validate(TelegramSchema)
    token = table.required_secret(
        "bot_token", checked.bot_token_file, checked.bot_token_env
    )
    table.require_tls(checked.url, "token")
    return TelegramSettings(token, checked.chat_id, checked.thread_id, checked.url)
