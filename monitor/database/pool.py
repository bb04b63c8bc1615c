"""A target's connections: lent one at a time, never more than the target allows, kept while they are good."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from monitor.database.connect import Connector
from monitor.database.killer import Killer
from monitor.database.link import Link
from monitor.database.orphaned_statements import Leftovers
from monitor.database.session import Session
from monitor.database.status import Statuses
from monitor.model.errors import QueryError, Reason, RefusedError, TargetError
from monitor.model.results import CANCELLED, Kill
from monitor.model.settings import Target
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog

_CONNECT_TIMEOUT = timedelta(seconds=5)
# A name may lead elsewhere by then, and hosted servers cut old connections.
_OLDEST_SECONDS = 3600.0
_AGE_SPREAD_SECONDS = 300
# less than the session's wait_timeout, so that we are the ones who close
_IDLE_SECONDS = 540.0
# for the two answers that say it: whether the link lives, and how the server stands
_ALIVE_SECONDS = 2.0
# one each for what may break a connection: SHOW REPLICA STATUS, SHOW GRANTS
_TRIES = 3
_STOP_SECONDS = 1.5
# Beside one of ours that lives, a new connection is asked for only to see whether it gets in again.
_TRY_AGAIN_SECONDS = 10.0


class Database:
    """One target's server: leases sessions to threads, stops what runs, closes what is open."""

    def __init__(
        self,
        target: Target,
        *,
        secrets: SecretReader,
        watchdog: Watchdog,
        timeout: timedelta = _CONNECT_TIMEOUT,
        on_kill: Callable[[Kill], None] = lambda _kill: None,
    ) -> None:
        self._target = target
        self._watchdog = watchdog
        self._connector = Connector(
            target, secrets=secrets, watchdog=watchdog, timeout=timeout
        )
        self._killer = Killer(
            self._connector,
            watchdog,
            lambda reason, message: on_kill(Kill(target.name, reason, message)),
        )
        self._statuses = Statuses(watchdog)
        self._leftovers = Leftovers()
        self._changed = threading.Condition()
        self._idle: list[Link] = []
        self._taken = 0
        self._leased: set[Session] = set()
        self._looked_at: set[Link] = set()
        """Let in, and not lent yet: whether they are good is being asked."""
        self._try_again_at: float | None = None
        """While new connections are refused beside one that lives: when to ask for one again."""
        self._is_stopping = False

    @contextmanager
    def lease(self, *, deadline_seconds: float) -> Iterator[Session]:
        """Lend a connection, a new one where no idle one is good.

        In so many seconds one of `max_connections` places must be free (QueryError `timeout`, detail busy),
        and the server let us in and say how it stands (TargetError): after them nothing is tried again. What
        has to be asked all the same, as after a long wait for a place, has a second for each answer.
        Where no new connection is had while one of ours lives, that one is waited for (RefusedError).
        """
        until_seconds = time.monotonic() + deadline_seconds
        self._take_place(deadline_seconds)
        try:
            link, refusal = self._link(until_seconds)
            session = Session(
                link,
                reopen=self._connector.open,
                killer=self._killer,
                watchdog=self._watchdog,
                leftovers=self._leftovers,
                refusal=refusal,
            )
            with self._changed:
                self._leased.add(session)
                self._looked_at.discard(link)
                is_stopping = self._is_stopping
            try:
                if is_stopping:
                    raise _not_started()
                yield session
            finally:
                self._take_back(session)
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()

    def cancel_all(self) -> None:
        """Stop what runs, on the server too, within about 2 s, and lend nothing more; never raises."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
            leased = tuple(self._leased)
        for session in leased:
            session.stop()
        self._killer.wait(seconds=_STOP_SECONDS)
        for session in leased:
            session.link.cut()

    def close(self) -> None:
        """Close what lies idle; what is lent is closed as it comes back."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
            idle, self._idle = self._idle, []
        for link in idle:
            link.close()
        self._killer.close()

    def _take_place(self, seconds: float) -> None:
        with self._changed:
            free = self._changed.wait_for(
                lambda: self._is_stopping or self._taken < self._target.max_connections,
                seconds,
            )
            if self._is_stopping:
                raise _not_started()
            if not free:
                raise QueryError(
                    Reason.TIMEOUT,
                    f"all {self._target.max_connections} connections to {self._target.name} are busy",
                    detail="busy",
                )
            self._taken += 1

    def _link(self, until_seconds: float) -> tuple[Link, TargetError | None]:
        """Find a connection to lend; beside it why a new one was refused, where it was not."""
        if (
            not self._is_to_try_again()
            and (idle := self._idle_link(until_seconds)) is not None
        ):
            return (
                self._renewed(idle, until_seconds)
                if self._is_to_renew(idle)
                else (idle, None)
            )
        try:
            link = self._new_link(until_seconds)
        except TargetError as error:
            return self._living_link(error, until_seconds), error
        self._try_again_at = None
        return link, None

    def _is_to_renew(self, link: Link) -> bool:
        """Tell whether a link that is kept beyond its time is to be replaced by a new one now."""
        at = self._try_again_at
        return _is_expired(link) and (at is None or time.monotonic() >= at)

    def _renewed(
        self, old: Link, until_seconds: float
    ) -> tuple[Link, TargetError | None]:
        """Replace the only connection that lives: it goes when there is a new one, else it is kept.

        So for a moment there may be one more than our number, in place of the one for KILL: nothing runs.
        """
        with self._closed_when_interrupted(old):
            try:
                link = self._new_link(until_seconds)
            except TargetError as error:
                self._try_again_at = time.monotonic() + _TRY_AGAIN_SECONDS
                return old, error
        self._close(old)
        self._try_again_at = None
        return link, None

    def _is_to_try_again(self) -> bool:
        """Tell whether to ask for a new connection although an old one is idle; never beyond our number."""
        with self._changed:
            at = self._try_again_at
            is_room = len(self._idle) + self._in_use() < self._target.max_connections
            return at is not None and is_room and time.monotonic() >= at

    def _living_link(self, refusal: TargetError, until_seconds: float) -> Link:
        """Wait for a connection of ours that lives; the refusal where there is none, or not in time."""
        while True:
            with self._changed:
                is_alive = bool(self._idle) or self._in_use() > 0
                self._try_again_at = (
                    time.monotonic() + _TRY_AGAIN_SECONDS if is_alive else None
                )
                left_seconds = until_seconds - time.monotonic()
                self._changed.wait_for(
                    lambda: self._is_stopping or self._idle or not self._in_use(),
                    max(left_seconds, 0.0),
                )
                if self._is_stopping:
                    raise _not_started()
                if not self._idle:
                    raise _refused(refusal) if self._in_use() else refusal
            if (link := self._idle_link(until_seconds)) is not None:
                return link

    def _in_use(self) -> int:
        """Count the connections that live and are not idle; under the lock."""
        return len(self._leased) + len(self._looked_at)

    def _idle_link(self, until_seconds: float) -> Link | None:
        has_asked = False
        while True:
            with self._changed:
                if not self._idle:
                    return None
                # the last one in: the others grow old and go
                link = self._idle.pop()
                is_needed = self._is_needed(link)
                self._looked_at.add(link)
            with self._closed_when_interrupted(link):
                if is_needed and not (has_asked and time.monotonic() >= until_seconds):
                    has_asked = True
                    with self._watchdog.after(_ALIVE_SECONDS, link.cut):
                        is_alive = link.is_alive()
                    if is_alive and self._statuses.refresh(link, until_seconds):
                        return link
            self._close(link)

    def _new_link(self, until_seconds: float) -> Link:
        for _ in range(_TRIES):
            link = self._connector.open(
                timedelta(seconds=until_seconds - time.monotonic())
            )
            with self._changed:
                self._looked_at.add(link)
            with self._closed_when_interrupted(link):
                if self._statuses.refresh(link, until_seconds):
                    return link
            self._close(link)
            # not even the time; or none is left
            if link.status_questions is None or time.monotonic() >= until_seconds:
                break
        error = TargetError(
            Reason.TARGET_DOWN, "let us in and answered no more", detail="lost"
        )
        self._connector.note_failure(error)
        raise error

    @contextmanager
    def _closed_when_interrupted(self, link: Link) -> Iterator[None]:
        """Close a link that nobody has yet when ^C comes while it is looked at."""
        try:
            yield
        except BaseException:
            link.in_order = False
            self._close(link)
            raise

    def _close(self, link: Link) -> None:
        """Close a link that turned out to be of no use; who waits for one that lives need not any more."""
        link.close()
        with self._changed:
            self._looked_at.discard(link)
            self._changed.notify_all()

    def _take_back(self, session: Session) -> None:
        link = session.link
        link.idle_since = time.monotonic()
        with self._changed:
            self._leased.discard(session)
            kept = link.in_order and not self._is_stopping
            if kept:
                self._idle.append(link)
            gone = [] if kept else [link]
            for other in tuple(self._idle):
                self._idle.remove(other)
                if self._is_needed(other):
                    self._idle.append(other)
                else:
                    gone.append(other)
            self._changed.notify_all()
        for other in gone:
            other.close()

    def _is_needed(self, link: Link) -> bool:
        """Tell whether a link that nobody has is to be kept; under the lock.

        One whose time is over goes while another lives. The last one stays, and so do all while new ones are
        refused: to close it first would make a target lost that only lets nobody in any more.
        """
        if not link.in_order:
            return False
        is_last = not self._idle and not self._in_use()
        return not _is_expired(link) or is_last or self._try_again_at is not None


def _is_expired(link: Link) -> bool:
    """Tell whether the time of a connection is over, as one that lives or as one that is idle."""
    now = time.monotonic()
    # spread, so that what was opened together is not renewed together
    oldest = _OLDEST_SECONDS - link.identity.thread_id % _AGE_SPREAD_SECONDS
    return now - link.opened_at >= oldest or now - link.idle_since >= _IDLE_SECONDS


def _refused(error: TargetError) -> RefusedError:
    return RefusedError(
        error.reason, error.message, code=error.code, detail=error.detail
    )


def _not_started() -> QueryError:
    return QueryError(
        Reason.KILLED, "not started, because the monitor is stopping", detail=CANCELLED
    )
