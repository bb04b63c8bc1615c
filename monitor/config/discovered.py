"""Targets that a list names: `[targets_defaults]`, an address and labels to a target; beside `[targets.NAME]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from monitor.config.hosts import host_fault
from monitor.config.load import with_load
from monitor.config.schema import TargetsDefaultsSchema
from monitor.config.targets import (
    TargetEntry,
    default_mode_for,
    patterns_of,
    strings_of,
    target_label_fault,
    target_of,
    without_query_tables,
)
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.text_files import below
from monitor.config.toml.validation import check_table, refuse_both, validate
from monitor.model.load_limits import LoadLimits
from monitor.model.targets import PasswordSource, Target

_NAME: Final = "__name__"
_USER: Final = "__user__"
_DATABASE: Final = "__database__"
_SECRET: Final = "__secret__"  # noqa: S105 -- the name of a label
_SETTINGS: Final = (_NAME, _USER, _DATABASE, _SECRET)
# What lists that are also a Prometheus's have for its own use.
_OF_PROMETHEUS: Final = re.compile(
    r"__(meta|param)_.*|__(scheme|metrics_path|scrape_interval|scrape_timeout)__"
)
# A file of one folder: who writes a list must not name any file of this machine to be sent as a password.
_SECRET_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_ADDRESS: Final = re.compile(
    r"""
    (?P<host> \[[^\]]*\] | [^:]+ )
    (?: : (?P<port> [0-9]{1,5} ) )?
    """,
    re.VERBOSE,
)
_MAX_PORT: Final = 65535
_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class TargetTemplate:
    """What `[targets_defaults]` says of every target that a list names."""

    section: Section
    target: Target
    has_tls_mode: bool
    patterns: tuple[str, ...]
    exceptions: tuple[str, ...]
    secrets_directory: Path | None

    def at(self, host: str, port: int) -> Target:
        """Return the target at an address; how it is protected is as if its table had this host."""
        tls = self.target.tls
        if not self.has_tls_mode:
            tls = replace(tls, mode=default_mode_for(host))
        return replace(self.target, host=host, port=port, tls=tls)


def read_template(
    section: Section, base: Path, load: LoadLimits, problems: Problems
) -> TargetTemplate:
    """Check `[targets_defaults]`; paths are taken from `base`, the folder of config.toml, `load` from `[load]`."""
    plain = without_query_tables(section)
    checked = validate(TargetsDefaultsSchema, plain, problems)
    refuse_both(section, "password_file", "secrets_directory", problems)
    refuse_both(section, "password_env", "secrets_directory", problems)
    target = target_of("", checked, section, base, problems)
    return TargetTemplate(
        section=section,
        target=replace(target, load=with_load(load, checked.load)),
        has_tls_mode=checked.tls.mode is not None,
        patterns=patterns_of(section, problems),
        exceptions=strings_of(section, "except", default=()),
        secrets_directory=below(base, checked.secrets_directory),
    )


def entries_of(
    groups: Iterable[Section], template: TargetTemplate, problems: Problems
) -> list[TargetEntry]:
    """Return a target for each address of each group; what is wrong with one is noted and left out."""
    entries: list[TargetEntry] = []
    for group in groups:
        before = len(problems)
        settings = _settings_of(group, problems)
        common = _common_target(group, settings, template, problems)
        if len(problems) > before:
            continue
        for position, address in enumerate(group.data.get("targets", ())):
            target = _target_at(address, common, position, group, problems)
            if target is not None:
                name = settings.get(_NAME, address)
                entries.append(_entry(name, target, position, group, common))
    return entries


def _entry(
    name: str,
    target: Target,
    position: int,
    group: Section,
    template: TargetTemplate,
) -> TargetEntry:
    return TargetEntry(
        name=name,
        section=template.section,
        target=replace(target, name=name),
        patterns=template.patterns,
        exceptions=template.exceptions,
        labels=target.labels,
        label_section=group,
        place=("targets", position),
    )


def _settings_of(group: Section, problems: Problems) -> Mapping[str, str]:
    """Return the labels of a group that are settings of its targets, checked."""
    settings: dict[str, str] = {}
    for label, value in group.at("labels").data.items():
        if not label.startswith("__") or _OF_PROMETHEUS.fullmatch(label):
            continue
        fault = _setting_fault(label, value)
        if fault is None:
            settings[label] = value
        else:
            problems.add(group.origin("labels", label), fault)
    return settings


def _setting_fault(label: str, value: str) -> str | None:
    if label not in _SETTINGS:
        return f"unknown label of the monitor{near_miss(label, _SETTINGS)}"
    if not value.strip() or value != value.strip() or not value.isprintable():
        return "is empty, or has blanks around it or characters that are not printed"
    if len(value) > _MAX_NAME:
        return f"is too long; allowed: {_MAX_NAME} characters"
    if label == _SECRET and not _SECRET_NAME.fullmatch(value):
        return "is not the name of a secret; allowed: letters, digits and ._-"
    return None


def _common_target(
    group: Section,
    settings: Mapping[str, str],
    template: TargetTemplate,
    problems: Problems,
) -> TargetTemplate:
    """Return the template with what the labels of a group say."""
    target = template.target
    target = replace(
        target,
        user=settings.get(_USER, target.user),
        database=settings.get(_DATABASE, target.database),
        password=_password(group, settings, template, problems),
        labels={**target.labels, **_labels_of(group, problems)},
    )
    for key, label in (("user", _USER), ("database", _DATABASE)):
        # A label with a fault is there all the same, and has its own problem.
        if not getattr(target, key) and label not in group.at("labels").data:
            message = (
                f'no {key}; give "{key}" in [targets_defaults] or the label {label}'
            )
            problems.add(group.origin(), message)
    return replace(template, target=target)


def _labels_of(group: Section, problems: Problems) -> Mapping[str, str]:
    """Return the labels of a group for its series and alerts; an empty one is none, as to Prometheus."""
    given = group.at("labels").data.items()
    labels = {
        label: value for label, value in given if value and not label.startswith("__")
    }
    check_table(group, "labels", labels, _label_fault, problems)
    return labels


def _label_fault(label: str, value: str) -> str | None:
    fault = target_label_fault(label, value)
    if fault is None and not _is_text(value):
        return "is not UTF-8 text"
    return fault


def _is_text(value: str) -> bool:
    """Return whether it can be written: an escape in JSON can be half of a character."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _password(
    group: Section,
    settings: Mapping[str, str],
    template: TargetTemplate,
    problems: Problems,
) -> PasswordSource | None:
    directory = template.secrets_directory
    secret = settings.get(_SECRET)
    if secret is None:
        if directory is not None and _SECRET not in group.at("labels").data:
            message = f"no secret; give the label {_SECRET}"
            problems.add(group.origin(), f"{message}, a file in secrets_directory")
        return template.target.password
    if directory is None:
        message = 'takes "secrets_directory" in [targets_defaults]'
        problems.add(group.origin("labels", _SECRET), message)
        return None
    return PasswordSource(file=directory / secret)


def _target_at(
    address: str,
    template: TargetTemplate,
    position: int,
    group: Section,
    problems: Problems,
) -> Target | None:
    """Return the target at `host`, `host:port` or `[address]:port`; None where it is none of them."""
    match = _ADDRESS.fullmatch(address)
    fault = "is not an address; allowed: host:port, host, [IPv6 address]:port"
    if "@" in address or match is None:
        # Not repeated: it may have a password in it.
        problems.add(group.origin("targets", position), fault)
        return None
    port = int(match["port"] or template.target.port)
    host = match["host"].removeprefix("[").removesuffix("]")
    fault = host_fault(host)
    if not fault and not 0 < port <= _MAX_PORT:
        fault = f"port {port} is out of range; allowed: 1 to {_MAX_PORT}"
    if fault:
        problems.add(group.origin("targets", position), fault)
        return None
    return template.at(host, port)
