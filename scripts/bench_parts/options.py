"""What a part of the bench is given: where the data is, how often to measure, what to compare with."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.bench_parts.servers import ServerKind


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of scripts/bench."""

    folder: Path
    """Holds the servers' data, kept between runs."""
    servers: tuple[ServerKind, ...]
    users: int
    usage: int
    repeats: int
    """Of each measurement; medians are shown."""
    checkout: Path
    """Whose program is measured."""
    minutes: float = 30.0
    """How long the daemon is watched."""
    peers: Path | None = None
    """A folder of programs to compare with."""
    schemas: tuple[str, ...] = ()
    """Only these of the data; all by default."""
    queries: tuple[str, ...] = ()
    """Only these of the shipped queries; all by default."""
    times: tuple[float, ...] = ()
    """Sizes that the part `growth` measures, of that of the data."""
    is_quick: bool = False


def say(text: str) -> None:
    """Tell the person who waits what is being measured."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
