"""Read the text files of a configuration, and name them as messages do."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from monitor.config.toml.problems import Origin, Problems
from monitor.model.targets import PasswordSource

# Of the machine, not of the file: descriptors, memory, a disk or a file server that does not answer for now.
_PASSING: Final = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EAGAIN,
        errno.EINTR,
        errno.EIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
    }
)


def read_text(path: Path, file: str, problems: Problems) -> str | None:
    """Read a whole file; where it cannot be read, note why and return None.

    `file` is the path as messages show it. A byte order mark, as Windows editors write it, is left out.
    """
    try:
        refuse_irregular(path)
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        note_unreadable(Origin(file), error, problems)
    except UnicodeDecodeError:
        problems.add(Origin(file), "is not UTF-8 text")
    return None


def note_unreadable(origin: Origin, error: OSError, problems: Problems) -> None:
    """Note a file that cannot be read."""
    message = f"cannot be read: {error.strerror or error}"
    problems.add(origin, message, may_pass=error.errno in _PASSING)


def refuse_irregular(path: Path) -> None:
    """OSError for what is there and no regular file: a pipe would hold us up for as long as nobody writes."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "no regular file")


def below(base: Path, name: str | None) -> Path | None:
    """Return the path that a key names, taken from the folder of config.toml; None where it is not given."""
    return None if name is None else base / name


def secret_source(
    base: Path, file: str | None, variable: str | None
) -> PasswordSource | None:
    """Return where a secret is read from: a file or a variable; None where neither is given."""
    if file is None and variable is None:
        return None
    return PasswordSource(below(base, file), variable)


def shown(path: Path, base: Path) -> str:
    """Return a path as messages show it: relative to the folder of config.toml where it is in it."""
    # Lexical on purpose: a link into the folder is shown where the operator put it.
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 -- as said
    root = Path(os.path.abspath(base))  # noqa: PTH100 -- as said
    if absolute.is_relative_to(root):
        return str(absolute.relative_to(root))
    return str(absolute)
