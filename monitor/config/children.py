"""Ask a module of ours in a process of its own, and keep what it answered: for what a load reads by a parser.

Only the child imports the parser: it would cost the daemon 8 MB, for what is asked once for each file.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

BAD_ANSWER: Final = (OSError, ValueError, LookupError, TypeError, AttributeError)
"""What asking, or reading a document that is not as it should be, may raise."""


def ask_child(module: str, asked: object, within_seconds: float) -> Any:
    """Return the JSON document that a module prints when it is given another on stdin.

    OSError or ValueError, with a text that says why, where it does not answer.
    """
    # Few loads ask anything: what is kept from the load before is enough.
    import subprocess

    # -P: what lies in the working directory is not looked for modules.
    command = [sys.executable, "-P", "-m", module]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=within_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"not within {within_seconds:g} s") from None
    if done.returncode:
        last_line = done.stderr.strip().rpartition("\n")[2]
        raise ValueError(f"exit code {done.returncode}: {last_line}")
    return json.loads(done.stdout)


def read_kept(path: Path) -> Any:
    """Return the document that was kept in a file; OSError or ValueError where there is none to be read."""
    return json.loads(path.read_text(encoding="utf-8"))


def keep(document: object, path: Path) -> None:
    """Keep a document, whole or not at all; where it cannot be kept its reader asks again at the next load."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    opener = partial(os.open, mode=0o600)
    try:
        with open(new, "w", encoding="utf-8", opener=opener) as file:
            json.dump(document, file)
        new.replace(path)
    except OSError:
        with suppress(OSError):  # a folder that takes no file lets none go either
            new.unlink(missing_ok=True)
