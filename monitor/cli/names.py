"""Offer names of the configuration at hand to a shell whose user types one; nothing where it cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

import click

from monitor.cli.options import all_rule_names
from monitor.config import load
from monitor.model.errors import ConfigError, StateError
from monitor.model.settings import Config
from monitor.notify.kinds import KINDS
from monitor.storage import open_reader

Offer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[str]]
"""What click asks, with what is typed so far, for the words that may be meant."""
_FILE: Final = Path("config.toml")


def _offering(names_in: Callable[[Config], Iterable[str]]) -> Offer:
    """Return what offers some names of a configuration: those that begin as what is typed."""

    def offer(
        context: click.Context, _parameter: click.Parameter, typed: str
    ) -> list[str]:
        path = context.params.get("config_path") or _FILE
        try:
            config = load(path, os.environ, KINDS)
        except ConfigError:  # a shell has no place to say it: the command will
            return []
        found = set(names_in(config))
        return sorted(name for name in found if name.startswith(typed))

    return offer


def _queries(config: Config) -> Iterable[str]:
    return (job.query.name for job in config.jobs)


def _checks(config: Config) -> Iterable[str]:
    return (job.query.name for job in config.all_jobs)


def _targets(config: Config) -> Iterable[str]:
    return (target.name for target in config.targets)


def _receivers(config: Config) -> Iterable[str]:
    return (receiver.name for receiver in config.receivers)


def offer_fingerprints(
    context: click.Context, _parameter: click.Parameter, typed: str
) -> list[str]:
    """Offer the fingerprints of the alerts that fire, as the daemon last wrote them."""
    path = context.params.get("config_path") or _FILE
    try:
        config = load(path, os.environ, KINDS)
        with open_reader(config.state.directory) as reader:
            found = [one.fingerprint for one in reader.active_alerts()]
    except (ConfigError, StateError):
        return []
    return sorted(name for name in found if name.startswith(typed))


offer_queries = _offering(_queries)
offer_checks = _offering(_checks)
offer_targets = _offering(_targets)
offer_receivers = _offering(_receivers)
offer_rules = _offering(all_rule_names)
