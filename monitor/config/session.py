"""Check the session variables that an operator states for a target; part of reading targets; pure."""

from __future__ import annotations

from monitor.config.toml.problems import near_miss
from monitor.model.session_settings import OWN_VARIABLES, SETTABLE_VARIABLES


def session_fault(name: str, value: object) -> str | None:
    """Return what is wrong with a variable; None where it may be stated so."""
    if name in OWN_VARIABLES:
        return f"is stated by the program: {OWN_VARIABLES[name]}"
    if name not in SETTABLE_VARIABLES:
        known = near_miss(name, SETTABLE_VARIABLES)
        return f"may not be stated{known}"
    settable = SETTABLE_VARIABLES[name]
    return settable.fault(value)
