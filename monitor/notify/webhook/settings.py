"""`kind = "webhook"`: what such a receiver has of its own, and the keys that say it."""

# ruff: noqa: RUF012 -- the validator copies defaults for each instance

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import Url, VariableName, refuse_literal
from monitor.config.toml.text_files import refuse_irregular
from monitor.config.toml.validation import Text
from monitor.model.body_template import BodyTemplate, is_json
from monitor.model.settings import ReceiverSettings
from monitor.model.targets import NamedFile, PasswordSource, named_file, secret_file
from monitor.notify.webhook.headers import INVALID_VALUE, is_value, name_fault
from monitor.secrets.redaction import in_headers


@dataclass(frozen=True, slots=True)
class WebhookSettings(ReceiverSettings):
    """One address, and what is sent there; address, headers and template may hold secrets: not shown."""

    kind: ClassVar[str] = "webhook"
    how: ClassVar[frozenset[str]] = frozenset(
        {"headers", "header_files", "hmac_secret", "template", "content_type"}
    )

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
        headers = [
            NamedFile(f"header_files.{name}", path)
            for name, path in self.header_files.items()
        ]
        return (
            *named_file("url_file", self.url_file),
            *headers,
            *secret_file("hmac_secret_file", self.hmac_secret),
        )

    def secrets(self) -> Sequence[str]:
        """Return the values of those headers whose names say that they are secrets."""
        return in_headers(self.headers)


_CONTENT_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.-]+)*", re.ASCII)
_MAX_TEMPLATE_CHARACTERS: Final = 100_000


def _content_type(value: str) -> str:
    if _CONTENT_TYPE.fullmatch(value) is None:
        raise ValueError(
            "is not a media type; allowed: such as application/json or text/plain"
        )
    return value


class WebhookSchema(ReceiverSchema):
    """`kind = "webhook"`."""

    url: Url | None = None
    url_file: Text | None = None
    headers: dict[str, str] = {}
    header_files: dict[str, Text] = {}
    hmac_secret: Annotated[Any, refuse_literal("secret", "hmac_secret")] = None
    hmac_secret_file: Text | None = None
    hmac_secret_env: VariableName | None = None
    template: Text | None = None
    template_file: Text | None = None
    content_type: Annotated[str, AfterValidator(_content_type)] | None = None


def read_webhook(table: ReceiverTable) -> WebhookSettings:
    """Read the table; problems are noted in it."""
    checked = table.validate(WebhookSchema)
    table.require_one("url", "url_file")
    table.refuse_two("hmac_secret_file", "hmac_secret_env")
    _check_headers(checked, table)
    content_type = checked.content_type or "application/json"
    return WebhookSettings(
        url=checked.url or "",
        url_file=table.path(checked.url_file),
        headers=dict(checked.headers),
        header_files={
            name: table.base / path for name, path in checked.header_files.items()
        },
        hmac_secret=table.secret(checked.hmac_secret_file, checked.hmac_secret_env),
        template=_template(checked, content_type, table),
        content_type=content_type,
    )


def _check_headers(checked: WebhookSchema, table: ReceiverTable) -> None:
    _check_names(checked.headers, "headers", table)
    _check_names(checked.header_files, "header_files", table)
    for name, value in checked.headers.items():
        if not is_value(value):
            table.add(INVALID_VALUE, "headers", name)
    # Names of headers are the same in capitals and in small letters (RFC 9110, 5.1).
    given = {name.lower() for name in checked.headers}
    for name in checked.header_files:
        if name.lower() in given:
            table.add('is given in "headers" too', "header_files", name)


def _check_names(names: Iterable[str], key: str, table: ReceiverTable) -> None:
    for name in names:
        fault = name_fault(name)
        if fault:
            table.add(fault, key, name)


def _template(
    checked: WebhookSchema, content_type: str, table: ReceiverTable
) -> str | None:
    """Return the text of the user's own body, tried with an alert; None for Alertmanager's body."""
    table.refuse_two("template", "template_file")
    text = checked.template
    if checked.template_file is not None:
        text = _read_template(table.base / checked.template_file, checked, table)
    if text is not None:
        _try_template(text, content_type, table)
    elif table.has("content_type") and not table.has("template_file"):
        table.add('goes with "template" or "template_file" only', "content_type")
    return text


def _read_template(
    path: Path, checked: WebhookSchema, table: ReceiverTable
) -> str | None:
    """Read the file; None where it cannot be read or is too long, which is noted."""
    try:
        refuse_irregular(path)
        with path.open(encoding="utf-8") as file:
            # One character more than allowed is enough to know; a file can be of any length.
            text = file.read(_MAX_TEMPLATE_CHARACTERS + 1)
    except OSError as error:
        fault = f"cannot be read: {error.strerror or error}"
    except UnicodeDecodeError:
        fault = "is not UTF-8 text"
    else:
        if len(text) <= _MAX_TEMPLATE_CHARACTERS:
            return text
        fault = f"is too long; allowed: {_MAX_TEMPLATE_CHARACTERS:,} characters"
    table.add(f'"{checked.template_file}" {fault}', "template_file")
    return None


def _try_template(text: str, content_type: str, table: ReceiverTable) -> None:
    key = "template" if table.has("template") else "template_file"
    try:
        BodyTemplate(text, is_json=is_json(content_type)).check()
    except ValueError as error:
        table.add(f"the template: {error}", key)
