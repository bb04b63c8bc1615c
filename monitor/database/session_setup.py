"""State a new session's variables and prove them: one SET, one SELECT; each alone only after a refusal."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pymysql

from monitor.database.failures import code_of
from monitor.database.link import Link
from monitor.database.reasons import is_answer
from monitor.database.session_variables import FACTS, Effect, Variable, stated
from monitor.errors import QueryError, Reason
from monitor.model.results import ALTERED_SESSION, Server
from monitor.model.settings import SERVER_ZONE

_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class _Known:
    """What the servers of one version refused before: not to be set, not to be read."""

    refused: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()


@dataclass(slots=True)
class SessionSetup:
    """States and proves the variables of one target's sessions; thread-safe, each link in one thread.

    What a server does not know or grant is remembered by its version, so that only the first session
    there costs a round trip for each variable.
    """

    _known: dict[tuple[str, str], _Known] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def apply(self, link: Link, comment: str = "") -> None:
        """Set a session up; `link.server` says which variables are wrong all the same."""
        server = link.server
        variables = stated(server.flavor, server.version, comment)
        place = (server.flavor.value, server.version)
        with self._lock:
            known = self._known.get(place, _Known())
        refused = known.refused | _set(link, [one for one in variables if one.name not in known.refused])
        questions = {one.name: one.expression for one in variables} | dict(FACTS)
        readable = {name: text for name, text in questions.items() if name not in known.unreadable}
        values = _read(link, readable)
        unreadable = known.unreadable | (frozenset(questions) - frozenset(values))
        facts = {name: values.pop(name, None) for name in FACTS}
        wrong = [one for one in variables if one.name in values and not one.is_right(values[one.name])]
        with self._lock:
            # Where something is wrong a refusal may have been of the moment: everything is tried anew.
            self._known[place] = _Known() if wrong else _Known(refused, unreadable)
        link.proof = {name: questions[name] for name in values}
        link.proven = values
        limits = _limits(variables, values, {one.name for one in wrong}, refused)
        link.server = _as_proven(replace(server, limits=limits), wrong, values, facts)


def _as_proven(
    server: Server, wrong: Sequence[Variable], values: Mapping[str, object], facts: Mapping[str, object]
) -> Server:
    return replace(
        server,
        altered=tuple(_told(one, values) for one in wrong if one.effect is Effect.ANSWER),
        unstated=tuple(one.name for one in wrong if one.effect is Effect.COST and not one.limit),
        time_zone=str(facts["server_zone"] or ""),
        utc_offsets=_offsets(facts),
    )


def enter_zone(link: Link, time_zone: str) -> None:
    """Put a session into another time zone and prove that it took; QueryError where it did not."""
    value = "@@GLOBAL.time_zone" if time_zone == SERVER_ZONE else f"'{time_zone}'"
    link.execute(f"SET SESSION time_zone = {value}")
    ((found, wanted),) = link.execute(f"SELECT @@SESSION.time_zone, {value}")
    if str(found).lower() != str(wanted).lower():
        message = f"the session is not as we set it: time_zone is {found}, not {wanted}"
        raise QueryError(Reason.BAD_RESULT, message, detail=ALTERED_SESSION)
    link.time_zone = time_zone
    link.note_change("time_zone", found)


def _limits(
    variables: Sequence[Variable],
    values: Mapping[str, object],
    wrong: AbstractSet[str],
    refused: AbstractSet[str],
) -> tuple[str, ...]:
    """Return the limits that hold: proven, or taken by a server that does not let them be read."""
    return tuple(
        one.limit
        for one in variables
        if one.limit and one.name not in wrong and (one.name in values or one.name not in refused)
    )


def _offsets(facts: Mapping[str, object]) -> tuple[timedelta, ...]:
    january, july = facts["january"], facts["july"]
    if not isinstance(january, int) or not isinstance(july, int):
        return ()
    return (timedelta(minutes=january), timedelta(minutes=july))


def _set(link: Link, variables: Iterable[Variable]) -> frozenset[str]:
    """Set all at once, without those that the server refuses; returns the names of these.

    Where it does not name what it refuses, each is set alone.
    """
    left, refused = [one for one in variables if one.value], set[str]()
    while left:
        refusal = _refusal(link, "SET SESSION " + ", ".join(one.assignment for one in left))
        if not refusal:
            break
        named = [one for one in left if f"'{one.name}'" in refusal]
        if not named and len(left) > 1:
            return frozenset(refused).union(*(_set(link, [one]) for one in left))
        tried = named or left
        refused.update(one.name for one in tried if not one.alone or _refusal(link, one.alone))
        left = [one for one in left if one not in tried]
    return frozenset(refused)


def _read(link: Link, questions: Mapping[str, str]) -> dict[str, object]:
    """Read all at once, without what the server refuses; where it does not name that, each alone."""
    left = dict(questions)
    while left:
        try:
            return link.read(left)
        except pymysql.MySQLError as error:
            refusal = _answered(link, error)
        named = [name for name in left if f"'{name}'" in refusal]
        if not named and len(left) > 1:
            return {key: value for name in left for key, value in _read(link, {name: left[name]}).items()}
        left = {name: text for name, text in left.items() if name not in named and named}
    return {}


def _refusal(link: Link, sql: str) -> str:
    """Return why the server did not execute a statement; nothing where it did."""
    try:
        link.execute(sql)
    except pymysql.MySQLError as error:
        return _answered(link, error)
    return ""


def _answered(link: Link, error: pymysql.MySQLError) -> str:
    """Return the server's words; raises what is no answer of its, but trouble with the connection."""
    if not is_answer(code_of(error), str(error)):
        raise error
    link.in_order = True
    return f"refused: {error}"


def _told(variable: Variable, values: Mapping[str, object]) -> str:
    found = str(values[variable.name])
    if variable.proof:
        return f"{variable.name} is not as it must be"
    cut = found if len(found) <= _LONGEST_VALUE else found[: _LONGEST_VALUE - 1] + "…"
    return f"{variable.name} is {cut or 'empty'}, not {variable.wanted or 'empty'}"
