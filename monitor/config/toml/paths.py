"""Paths as messages show them, and what is there without being a file."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def refuse_irregular(path: Path) -> None:
    """OSError for what is there and no regular file: a pipe would hold us up for as long as nobody writes."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "no regular file")


def shown(path: Path, base: Path) -> str:
    """Write a path as messages show it: relative to the folder of config.toml where it is in it."""
    # Lexical on purpose: a link into the folder is shown where the operator put it.
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 -- as said
    root = Path(os.path.abspath(base))  # noqa: PTH100 -- as said
    if absolute.is_relative_to(root):
        return str(absolute.relative_to(root))
    return str(absolute)
