"""All kinds of incidents, in the order of the table."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.scorecard_parts.incident import Incident
from scripts.scorecard_parts.kinds_changes import CHANGES
from scripts.scorecard_parts.kinds_history import HISTORY, USAGE
from scripts.scorecard_parts.kinds_ledger import LEDGER, STUCK
from scripts.scorecard_parts.kinds_resolves import RESOLVES
from scripts.scorecard_parts.kinds_server import SCHEMA, SERVER

KINDS = (*LEDGER, *HISTORY, *CHANGES, *USAGE, *STUCK, *SCHEMA, *SERVER, *RESOLVES)


def chosen(names: Iterable[str]) -> tuple[Incident, ...]:
    """Return the kinds of these names or groups, all where none is named; ValueError names what there is not."""
    wanted = set(names)
    unknown = wanted - {one.kind for one in KINDS} - {one.group for one in KINDS}
    if unknown:
        raise ValueError(f"no kind {', '.join(sorted(unknown))}")
    return tuple(one for one in KINDS if not wanted or wanted & {one.kind, one.group})
