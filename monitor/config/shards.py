"""`shard`, and the environment variables that say which one this daemon is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from monitor.config.schema import RootSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Origin, Problems
from monitor.model.shards import Shard

SHARD_VARIABLE: Final = "TOKEN_MONITOR_SHARD"
HOST_VARIABLE: Final = "HOSTNAME"
"""In a container it has the pod's name; that of a StatefulSet ends with its number."""

_SHARD: Final = re.compile(r"(?P<index>[0-9]{1,4}|auto)/(?P<count>[0-9]{1,4})")
_ORDINAL: Final = re.compile(r".*-(?P<ordinal>[0-9]{1,4})")
_ALLOWED: Final = 'allowed: "0/3" for the first of three, or "auto/3"'


def read_shard(
    root: RootSchema,
    section: Section,
    environ: Mapping[str, str],
    problems: Problems,
    *,
    is_whole: bool,
) -> Shard | None:
    """Return which shard this is, the environment decides over the file; None where targets are not shared.

    `is_whole`: only to be checked, on any machine.
    """
    shard = None
    if is_whole:
        environ = {**environ, HOST_VARIABLE: "any-0"}
    if root.shard is not None:
        shard = _shard(root.shard, section.origin("shard"), environ, problems)
    if SHARD_VARIABLE in environ:
        origin = Origin("environment", None, (SHARD_VARIABLE,))
        shard = _shard(environ[SHARD_VARIABLE], origin, environ, problems)
    if shard is not None and root.replicas > shard.count:
        message = (
            f"{root.replicas} is more than the {shard.count} shards that there are"
        )
        problems.add(section.origin("replicas"), message)
    return None if is_whole else shard


def _shard(
    text: str, origin: Origin, environ: Mapping[str, str], problems: Problems
) -> Shard | None:
    match = _SHARD.fullmatch(text)
    if match is None:
        problems.add(origin, f'"{text}" is not a shard; {_ALLOWED}')
        return None
    index = match["index"]
    if index == "auto":
        ordinal = _ORDINAL.fullmatch(environ.get(HOST_VARIABLE, ""))
        if ordinal is None:
            message = f"takes a number at the end of the variable {HOST_VARIABLE}, such as monitor-2"
            problems.add(origin, f'"{text}" {message}; or set {SHARD_VARIABLE}')
            return None
        index = ordinal["ordinal"]
    shard = Shard(int(index), int(match["count"]))
    if shard.index < shard.count:
        return shard
    message = "shards are counted from 0, so the last one of"
    problems.add(
        origin,
        f"there is no shard {shard}: {message} {shard.count} is {shard.count - 1}",
    )
    return None
