"""Know by their names the tables and triggers that gh-ost and pt-online-schema-change make for a while; pure."""

from __future__ import annotations

import re

from monitor.model.columns import Labels

# gh-ost: _users_gho, _users_ghc, _users_del, or _users_20260102030405_del; pt-online-schema-change: _users_new,
# _users_old, with more underscores before where that name is taken.
_TABLE = re.compile(r"_+.+_(gho|ghc|del|new|old)", re.IGNORECASE | re.DOTALL)
_TRIGGER_PREFIX = "pt_osc_"


def is_online_change_table(name: str) -> bool:
    """Return whether a table is the copy, the log or the remains of one that is being changed."""
    return _TABLE.fullmatch(name) is not None


def is_online_change_trigger(name: str) -> bool:
    """Return whether a trigger is one by which such a copy is kept up."""
    return name.lower().startswith(_TRIGGER_PREFIX)


def is_of_online_change(labels: Labels) -> bool:
    """Return whether a sample is about such a table or trigger, by its labels `table` and `trigger`."""
    named = dict(labels)
    table, trigger = named.get("table", ""), named.get("trigger", "")
    return is_online_change_table(table) or is_online_change_trigger(trigger)
