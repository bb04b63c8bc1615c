"""Collect every problem of the files, each with its place; used by all checks of the configuration."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from monitor.config.toml.lines import KeyPath
from monitor.model.errors import Problem
from monitor.model.wording import escaped

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who said it: file as shown in messages, line, and the key in that file."""

    file: str
    line: int | None = None
    key: KeyPath = ()


class Problems:
    """The list that grows while the files are checked; the same problem is kept once."""

    def __init__(self) -> None:
        # In a dict: a key that several schemas look at is wrong once.
        self._found: dict[Problem, None] = {}

    def add(self, origin: Origin, message: str, *, may_pass: bool = False) -> None:
        """Note one problem at its place; `may_pass`: it may be over soon without a change of the files."""
        problem = Problem(
            file=escaped(origin.file),
            message=escaped(message),
            key=escaped(format_key(origin.key)),
            line=origin.line,
            may_pass=may_pass,
        )
        self._found[problem] = None

    def include(self, problems: Iterable[Problem]) -> None:
        """Note what was found elsewhere."""
        self._found.update(dict.fromkeys(problems))

    def __len__(self) -> int:
        return len(self._found)

    def in_order(self) -> tuple[Problem, ...]:
        """List the problems by file, line and key."""
        return tuple(
            sorted(self._found, key=lambda p: (p.file, p.line or 0, p.key, p.message))
        )


def format_key(path: KeyPath) -> str:
    """Write a key path as one would in TOML: `targets.main.urls[0]`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            written = key if _BARE_KEY.fullmatch(key) else f'"{key}"'
            text += f".{written}" if text else written
    return text


def near_miss(name: str, known: Iterable[str]) -> str:
    """End a message about an unknown name: what may have been meant, or else what there is."""
    # A set has no order that a message could have twice.
    names = (
        sorted(known) if isinstance(known, AbstractSet) else list(dict.fromkeys(known))
    )
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; allowed: {', '.join(names)}" if names else ""
