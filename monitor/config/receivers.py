"""`[receivers.NAME]` to receivers: what all kinds have; what is a kind's own it reads itself."""

# ruff: noqa: RUF012 -- the validator copies defaults for each instance

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeAlias, TypeVar
from urllib.parse import urlsplit

from monitor.config.labels import EMPTY_LABEL, label_fault
from monitor.config.schema import AttemptLimit
from monitor.config.toml.document import Section, tables
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.text_files import below, secret_source
from monitor.config.toml.validation import (
    Duration,
    ScalarText,
    Schema,
    from_to,
    refuse_both,
    require_one_of,
    try_validate,
    validate,
)
from monitor.config.toml.wording import found
from monitor.model.hosts import is_loopback
from monitor.model.settings import (
    DEFAULT_REPEAT_INTERVAL,
    DEFAULT_TIMEOUT,
    Receiver,
    ReceiverSettings,
    Severity,
    labels_of,
)
from monitor.model.targets import PasswordSource

_RepeatInterval = Annotated[
    Duration,
    from_to(
        timedelta(seconds=1),
        timedelta(days=365),
        "1s to 365d, or 0s for never",
        or_zero=True,
    ),
]


class ReceiverSchema(Schema):
    """`[receivers.NAME]`: what all kinds have; each kind derives its own in notify/KIND/settings.py."""

    kind: Any
    min_severity: Literal["critical", "warning", "info"] = "info"
    match: dict[str, ScalarText] = {}
    send_resolved: bool = True
    watchdog: bool = False
    timeout: AttemptLimit = DEFAULT_TIMEOUT
    repeat_interval: _RepeatInterval = DEFAULT_REPEAT_INTERVAL


SchemaT = TypeVar("SchemaT", bound=ReceiverSchema)


@dataclass(frozen=True, slots=True)
class ReceiverTable:
    """A `[receivers.NAME]` while its kind reads it; problems are added to the list of all files.

    Relative paths begin at `base`, the folder of the configuration.
    """

    section: Section
    base: Path
    problems: Problems

    def validate(self, schema: type[SchemaT]) -> SchemaT:
        """Check the table against a schema, which has a stand-in for every key that is required."""
        return validate(schema, self.section, self.problems)

    def has(self, key: str) -> bool:
        """Return whether the table has a key, whatever its value."""
        return key in self.section.data

    def given(self, *keys: str) -> list[str]:
        """Return those of some keys that the table has, in this order."""
        return [key for key in keys if self.has(key)]

    def add(self, message: str, *keys: str) -> None:
        """Note a problem of a key, or of the whole table."""
        self.problems.add(self.section.origin(*keys), message)

    def require_one(self, first: str, second: str) -> None:
        """Note it where not exactly one of two keys is there."""
        require_one_of(self.section, first, second, self.problems)

    def refuse_two(self, first: str, second: str) -> None:
        """Note it where both of two keys are there."""
        refuse_both(self.section, first, second, self.problems)

    def path(self, text: str | None) -> Path | None:
        """Return the path that a text means."""
        return below(self.base, text)

    def secret(self, file: str | None, variable: str | None) -> PasswordSource | None:
        """Return where a secret is read from: a file or a variable; None where neither is said."""
        return secret_source(self.base, file, variable)

    def required_secret(
        self, key: str, file: str | None, variable: str | None
    ) -> PasswordSource:
        """Return where `KEY_file` or `KEY_env` has a secret; where not exactly one is given it is noted."""
        # Of a literal secret the schema says all that is to be said.
        if not self.given(f"{key}_file", f"{key}_env", key):
            self.add(f'give exactly one of "{key}_file" and "{key}_env"')
        self.refuse_two(f"{key}_file", f"{key}_env")
        return self.secret(file, variable) or PasswordSource()

    def require_tls(self, url: str, noun: str) -> None:
        """Note a `url` beyond this machine to which a secret would go without TLS."""
        address = urlsplit(url)
        if address.scheme != "https" and not is_loopback(address.hostname or ""):
            message = f"the {noun} is not sent without TLS beyond this machine; give https://…"
            self.add(message, "url")


class ReadableKind(Protocol):
    """A kind of receiver, as far as reading the configuration needs it; the kinds are in notify/."""

    @property
    def name(self) -> str:
        """Return the word after `kind =`."""
        ...

    @property
    def schema(self) -> type[ReceiverSchema]:
        """Return the keys that it can have, with those that all have."""
        ...

    def read_settings(self, table: ReceiverTable) -> ReceiverSettings:
        """Read what is its own; problems are noted in the table, with something in the place of what is wrong."""
        ...


ReceiverKinds: TypeAlias = Mapping[str, ReadableKind]
"""All kinds of receivers by their names."""


def read_receivers(
    config: Section, base: Path, problems: Problems, kinds: ReceiverKinds
) -> tuple[Receiver, ...]:
    """Read `[receivers]` of a configuration; those that have a problem are noted and left out."""
    receivers = []
    for name, section in tables(config, "receivers", problems):
        receiver = read_receiver(name, ReceiverTable(section, base, problems), kinds)
        if receiver is not None:
            receivers.append(receiver)
    return tuple(receivers)


def read_receiver(
    name: str, table: ReceiverTable, kinds: ReceiverKinds
) -> Receiver | None:
    """Read one receiver of any of these kinds; None where it has a problem, which is noted in the table."""
    before = len(table.problems)
    common = try_validate(ReceiverSchema, _only_common(table.section), table.problems)
    if common is None:
        return None
    kind = _kind_of(common.kind, table, kinds)
    if kind is None:
        return None
    _check_labels(common.match, table)
    section = _without_others(kind, table, kinds)
    # What all kinds have is checked here again; a problem that is noted twice is kept once.
    own = ReceiverTable(section, table.base, table.problems)
    settings = kind.read_settings(own)
    if len(table.problems) > before:
        return None
    return Receiver(
        name=name,
        settings=settings,
        min_severity=Severity(common.min_severity),
        match=labels_of(common.match),
        send_resolved=common.send_resolved,
        watchdog=common.watchdog,
        timeout=common.timeout,
        repeat_interval=common.repeat_interval,
    )


def _kind_of(
    value: object, table: ReceiverTable, kinds: ReceiverKinds
) -> ReadableKind | None:
    """Return the kind that the file names; what names none is noted."""
    names = sorted(kinds)
    if not isinstance(value, str):
        table.add(f"{found(value)}; allowed: {', '.join(names)}", "kind")
        return None
    if value not in kinds:
        table.add(f'"{value}" is unknown{near_miss(value, names)}', "kind")
        return None
    return kinds[value]


def _check_labels(match: Mapping[str, str], table: ReceiverTable) -> None:
    """Check the labels by which alerts are chosen; those that rules cannot have can well be asked for."""
    for label, value in match.items():
        fault = label_fault(label)
        if fault is not None and "reserved" not in fault:
            table.add(fault, "match", label)
        elif not value:
            table.add(EMPTY_LABEL, "match", label)


def _without_others(
    kind: ReadableKind, table: ReceiverTable, kinds: ReceiverKinds
) -> Section:
    """Note the keys that only other kinds have, and return the table without them."""
    section = table.section
    owners = _owners_of_keys(kinds)
    for key in section.data.keys() & owners.keys():
        if kind.name in owners[key]:
            continue
        plural = "s" if len(owners[key]) > 1 else ""
        names = ", ".join(f'"{name}"' for name in owners[key])
        message = f'belongs to kind{plural} {names}, this receiver is "{kind.name}"'
        table.add(message, key)
        section = section.without(key)
    return section


def _owners_of_keys(kinds: ReceiverKinds) -> Mapping[str, list[str]]:
    """List for each key which kinds have it, by name."""
    owners: dict[str, list[str]] = {}
    for name in sorted(kinds):
        for key in _keys_of(kinds[name].schema):
            owners.setdefault(key, []).append(name)
    return owners


def _only_common(section: Section) -> Section:
    """View the table without what is a kind's own, and without keys that nobody knows."""
    for key in section.data.keys() - set(_keys_of(ReceiverSchema)):
        section = section.without(key)
    return section


def _keys_of(schema: type[ReceiverSchema]) -> list[str]:
    return [field.alias or name for name, field in schema.model_fields.items()]
