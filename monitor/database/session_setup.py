"""State a new session's variables and prove them: one SET, one SELECT; each alone only after a refusal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta

from monitor.database.connection import Connection, Refusal
from monitor.database.dialect import session_variables
from monitor.database.session_variables import (
    FACTS,
    Effect,
    Variable,
    named_variables,
)
from monitor.model.errors import QueryError, Reason
from monitor.model.results import ALTERED_SESSION, Server
from monitor.model.session_settings import SessionValue
from monitor.model.targets import SERVER_ZONE

UNPROVEN = "unproven"
"""Stands in place of variables where none can be read: then nobody knows."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """The names of what the servers of one version do not let us set, and of what they do not show."""

    settings: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()


@dataclass(slots=True)
class SessionSetup:
    """States and proves the variables of one target's sessions; thread-safe, each connection in one thread.

    What a server does not know or grant is remembered by its version, so that only the first session
    there costs a round trip for each such variable. A limit is too much to lose: one that was refused is
    asked for by each session, or a refusal of the moment would cost every later one its limit.
    `session` are the variables that the operator states by name.
    """

    session: Mapping[str, SessionValue] = field(default_factory=dict)
    _refused: dict[tuple[str, str], _Refused] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def apply(self, connection: Connection, comment: str = "") -> None:
        """Set a session up; `connection.server` says which variables are wrong all the same.

        `comment` is what the server says of its version. Raises what the driver raises where the connection
        is lost; a refusal is not raised (docs/adr/0017).
        """
        server = connection.server
        variables: dict[str, Variable] = {}
        assignments: dict[str, str] = {}
        questions: dict[str, str] = {}
        of_server = session_variables(server.flavor, server.version, comment)
        for variable in (*of_server, *named_variables(self.session)):
            variables[variable.name] = variable
            questions[variable.name] = variable.expression
            if variable.value:
                assignments[variable.name] = variable.assignment
        questions.update(FACTS)

        refused = self._refused_by(server)
        settings = _set(connection, assignments, besides=refused.settings)
        otherwise = _set_otherwise(connection, variables, settings)
        values = _read(connection, questions, besides=refused.questions)
        # The value afterwards is what counts: refused but right is fine, taken but wrong is not.
        wrong = [one for one in variables.values() if one.is_wrong_in(values)]
        refused = _Refused(
            settings=frozenset(assignments.keys() - settings),
            questions=frozenset(questions.keys() - values.keys()),
        )
        facts = {name: values.pop(name, None) for name in FACTS}
        connection.proof = {name: questions[name] for name in values}
        connection.proven = values
        held = (settings | otherwise | values.keys()) - {one.name for one in wrong}
        limits, lacks_limit = _limits(variables.values(), held)
        # Where something is wrong or a limit lacks, the refusals may have been of the moment.
        self._remember(server, refused, forget=bool(wrong) or lacks_limit)
        unknown = [name for name in self.session if name not in values]
        connection.server = replace(
            _as_proven(server, wrong, values, unknown),
            limits=limits,
            time_zone=str(facts["server_zone"] or ""),
            utc_offsets=_offsets((facts["january"], facts["july"])),
        )

    def _refused_by(self, server: Server) -> _Refused:
        with self._lock:
            return self._refused.get(_kind_of(server), _Refused())

    def _remember(self, server: Server, refused: _Refused, *, forget: bool) -> None:
        with self._lock:
            if forget:
                self._refused.pop(_kind_of(server), None)
            else:
                self._refused[_kind_of(server)] = refused


def enter_zone(connection: Connection, time_zone: str) -> None:
    """Put a session into another time zone and prove that it took; QueryError where it did not."""
    value = "@@GLOBAL.time_zone" if time_zone == SERVER_ZONE else f"'{time_zone}'"
    connection.execute(f"SET SESSION time_zone = {value}")
    ((found, wanted),) = connection.execute(f"SELECT @@SESSION.time_zone, {value}")
    if str(found).lower() != str(wanted).lower():
        message = (
            f"the session is not as we set it: time_zone is '{found}', not '{wanted}'"
        )
        raise QueryError(Reason.BAD_RESULT, message, detail=ALTERED_SESSION)
    connection.time_zone = time_zone
    connection.note_change("time_zone", found)


def _limits(
    variables: Iterable[Variable], held: Set[str]
) -> tuple[tuple[str, ...], bool]:
    """Return the limits that hold, by the operator's names, and whether one does not."""
    limited = [one for one in variables if one.limit]
    limits = tuple(one.limit for one in limited if one.name in held)
    return limits, len(limits) < len(limited)


def _kind_of(server: Server) -> tuple[str, str]:
    return (server.flavor.value, server.version)


def _as_proven(
    server: Server,
    wrong: Sequence[Variable],
    values: Mapping[str, object],
    unknown: Sequence[str],
) -> Server:
    if not values:
        return replace(server, unstated=(UNPROVEN,))
    # What limits is shown by its name among the limits, or is missing there.
    altered = [
        one.deviation(values[one.name]) for one in wrong if one.effect is Effect.ANSWER
    ]
    unstated = [one.name for one in wrong if one.effect is Effect.COST]
    unstated += unknown
    return replace(server, altered=tuple(altered), unstated=tuple(unstated))


def _offsets(minutes: Sequence[object]) -> tuple[timedelta, ...]:
    """Return how far the server's zone is ahead of UTC; () where it does not say all of it."""
    offsets: list[timedelta] = []
    for one in minutes:
        if not isinstance(one, int):
            return ()
        offsets.append(timedelta(minutes=one))
    return tuple(offsets)


def _set(
    connection: Connection, assignments: Mapping[str, str], *, besides: Set[str]
) -> set[str]:
    """Set all at once, without what the server refuses; return the names of what it took."""

    def set_together(some: Mapping[str, str]) -> Refusal | None:
        return _refusal(connection, f"SET SESSION {', '.join(some.values())}")

    return set(_taken(assignments, set_together, besides=besides))


def _set_otherwise(
    connection: Connection, variables: Mapping[str, Variable], taken: Set[str]
) -> set[str]:
    """Set in another statement what the server has no variable for; return the names of what it took."""
    otherwise: set[str] = set()
    for name, variable in variables.items():
        if not variable.alone or name in taken:
            continue
        if _refusal(connection, variable.alone) is None:
            otherwise.add(name)
    return otherwise


def _read(
    connection: Connection, questions: Mapping[str, str], *, besides: Set[str]
) -> dict[str, object]:
    """Read all at once, without what the server refuses to show; return the values by name."""
    values: dict[str, object] = {}

    def read_together(some: Mapping[str, str]) -> Refusal | None:
        found = connection.attempt(lambda: connection.read(some))
        if isinstance(found, Refusal):
            return found
        values.update(found)
        return None

    _taken(questions, read_together, besides=besides)
    return values


def _taken(
    pieces: Mapping[str, str],
    send: Callable[[Mapping[str, str]], Refusal | None],
    *,
    besides: Set[str],
) -> list[str]:
    """Send pieces of SQL without those that the server names in a refusal; where it names none, each alone.

    `send` returns the refusal, if there is one. Returns the names of what was taken.
    """
    left = {name: piece for name, piece in pieces.items() if name not in besides}
    while left:
        refusal = send(left)
        if refusal is None:
            break
        named = [name for name in left if f"'{name}'" in refusal.message]
        if not named:
            return [name for name in left if send({name: left[name]}) is None]
        for name in named:
            del left[name]
    return list(left)


def _refusal(connection: Connection, sql: str) -> Refusal | None:
    answer = connection.attempt(lambda: connection.execute(sql))
    if isinstance(answer, Refusal):
        return answer
    return None
