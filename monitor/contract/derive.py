"""The child process that derives the needs of queries: statements by name on stdin, needs by name on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from monitor.contract.needs import needs_of
from monitor.contract.parsing import ParseError


def main() -> None:
    """Read `{name: [statement, …]}` and write `{name: {"needs": […], "fault": ""}}`."""
    given = json.load(sys.stdin)
    answer = {name: _answer(statements) for name, statements in given.items()}
    json.dump(answer, sys.stdout)


def _answer(statements: Sequence[str]) -> dict[str, object]:
    try:
        return {"needs": needs_of(statements), "fault": ""}
    except ParseError as fault:
        return {"needs": [], "fault": str(fault)}


if __name__ == "__main__":
    main()
