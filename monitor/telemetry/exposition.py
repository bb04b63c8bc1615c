"""Answer scrapes from what is prepared of the snapshot and our own counters; an edge that only reads."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from monitor.alerting.snapshot import Snapshot
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.negotiation import ScrapeFormat, negotiated
from monitor.telemetry.own_families import OWN_METRICS
from monitor.telemetry.own_lines import OwnLines, page_certificates
from monitor.telemetry.own_metrics import BUILD_INFO, RUN_DURATION, Counted, OwnMetric
from monitor.telemetry.pages import PreparedPage, joined
from monitor.telemetry.prepared import Prepared, Renewal
from monitor.telemetry.process_metrics import PROCESS_FAMILIES, ProcessMetrics
from monitor.telemetry.readings import MonitorState, Reading
from monitor.telemetry.text_format import EOF, family_name, head, number

SKIPPED = OwnMetric(
    "token_monitor_exposition_skipped_total",
    "Series that could not be rendered and were left out, over all scrapes",
    (),
    "counter",
)
_REUSED_SECONDS = 0.01
_REUSED_BYTES = 2_000_000
_MAX_ANSWERS = 4
_FEW_QUERIES = 2000
_REFRESHED_EVERY_SECONDS = 5.0
_ASKED_FOR_SECONDS = 300.0
"""A fleet that nobody has scraped for so long is not prepared: that is a seventh of what it computes."""
_QUICK_BYTES = 2_000_000
"""With their gzip they take some milliseconds. In another thread they take twice as long while queries run."""
_MAX_ACCEPTS = 100
"""Accept headers whose meaning is remembered; a client may send what it likes."""


def declared_metrics() -> tuple[OwnMetric, ...]:
    """Return every metric of our own, which docs/metrics.md has to list."""
    counted = [one.value for one in Counted]
    return (BUILD_INFO, *counted, RUN_DURATION, *OWN_METRICS, SKIPPED)


@dataclass(frozen=True, slots=True)
class ScrapeRequest:
    """What a scraper asks for: its Accept headers, and of which target.

    `target` None is the whole page, an empty one what belongs to no target.
    """

    accept: str = ""
    accept_encoding: str = ""
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Scrape:
    """What a scraper gets."""

    body: bytes
    format: ScrapeFormat


@dataclass(frozen=True, slots=True)
class _Made:
    """A page, and of what it was made."""

    page: PreparedPage
    prepared: Prepared
    reading: Reading


@dataclass(frozen=True, slots=True)
class _Answered:
    """An answer that may be given once more."""

    made: _Made
    scrape: Scrape
    good_until: float
    """By the monotonic clock."""


class Exposition:
    """What /metrics gives. A series that cannot be rendered is left out and counted; the rest is whole.

    Lines are prepared by `refresh`, or at the latest by `prepare`; both may take long, and be called from any
    thread. `answer` has only to add what is new at each scrape; one thread calls it. It asks no database:
    `snapshot`, `now` and `monitor` are called at each request.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        snapshot: Callable[[], Snapshot],
        now: Callable[[], datetime],
        *,
        monitor: Callable[[], MonitorState] = MonitorState,
    ) -> None:
        self._telemetry = telemetry
        self._snapshot = snapshot
        self._now = now
        self._monitor = monitor
        self._own = OwnLines(telemetry)
        self._taken = _own_families()
        self._process = ProcessMetrics()
        self._lock = threading.Lock()
        self._prepared = Prepared()
        self._pages: dict[tuple[str | None, bool], _Made] = {}
        """By target and format; of the pages that are kept."""
        self._answers: dict[tuple[str | None, ScrapeFormat], _Answered] = {}
        self._formats: dict[tuple[str, str], ScrapeFormat] = {}
        self._refreshed_at = self._asked_at = -math.inf
        """By the monotonic clock: when lines were last prepared by `refresh`, and a scraper last came."""
        self._skipped = 0
        self._skipped_head = head(SKIPPED.name, SKIPPED.help, SKIPPED.kind)

    def close(self) -> None:
        """Close what is kept open to read of the process."""
        self._process.close()

    def knows(self, target: str) -> bool:
        """Return whether there is a page of this target."""
        return target == "" or target in self._snapshot().targets

    def refresh(self) -> None:
        """Prepare the lines of what has changed, so that the next scrape need not.

        Of a fleet every some seconds, and only where somebody scrapes.
        """
        now = time.monotonic()
        if len(self._snapshot().queries) > _FEW_QUERIES:
            is_new = now - self._refreshed_at < _REFRESHED_EVERY_SECONDS
            if is_new or now - self._asked_at > _ASKED_FOR_SECONDS:
                return
        self._refreshed_at = now
        with self._lock:
            self._renew(self._read())

    def is_at_hand(self, request: ScrapeRequest) -> bool:
        """Return whether `answer` can answer at once; else `prepare` has to come first."""
        reading = self._read()
        if not self._is_current(reading):
            return False
        if request.target:
            return True
        made = self._made(request)
        if made is None or not self._is_still(made, reading):
            return False
        return made.page.is_deflated or not self._format(request).is_gzipped

    def prepare_if_quick(self, request: ScrapeRequest) -> bool:
        """Prepare what `answer` will need, if that takes some milliseconds at most and nobody else does it now.

        To have another thread do it takes longer where many threads run: each hand-over waits for the interpreter.
        """
        made = self._made(request)
        is_quick = bool(request.target) or (
            made is not None and len(made.page.body) < _QUICK_BYTES
        )
        if not is_quick or len(self._prepared.queries) > _FEW_QUERIES:
            return False
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._prepare(request)
        finally:
            self._lock.release()
        return True

    def prepare(self, request: ScrapeRequest) -> None:
        """Prepare what `answer` will need."""
        with self._lock:
            self._prepare(request)

    def answer(self, request: ScrapeRequest) -> Scrape | None:
        """Return what the scraper gets, of what was prepared last; of the process no older than 10 ms.

        None where a reload has removed the target meanwhile.
        """
        if request.target:
            return self._answer_alone(request, request.target)
        made = self._made(request)
        if made is None:
            return self._answer(request, self._make(request, self._read()).page)
        chosen = self._format(request)
        now = time.monotonic()
        last = self._answers.get((request.target, chosen))
        # Only where somebody asks a hundred times a second: then to read of the process is half of an answer.
        if last is not None and last.made is made and now < last.good_until:
            return last.scrape
        scrape = self._answer(request, made.page)
        if not made.page.skipped and len(scrape.body) < _REUSED_BYTES:
            if len(self._answers) >= _MAX_ANSWERS:
                self._answers.clear()
            kept = _Answered(made, scrape, now + _REUSED_SECONDS)
            self._answers[request.target, chosen] = kept
        return scrape

    def _answer_alone(self, request: ScrapeRequest, target: str) -> Scrape | None:
        alone = self._prepared.of_target(target)
        if alone is None:
            return None
        is_openmetrics = self._format(request).is_openmetrics
        return self._answer(
            request, joined(self._own, alone, is_openmetrics=is_openmetrics)
        )

    def _answer(self, request: ScrapeRequest, page: PreparedPage) -> Scrape:
        chosen = self._format(request)
        end = self._end(request, page, is_openmetrics=chosen.is_openmetrics)
        body = page.gzipped(end) if chosen.is_gzipped else page.plain(end)
        return Scrape(body, chosen)

    def scrape(self, request: ScrapeRequest = ScrapeRequest()) -> Scrape:
        """Prepare and answer; KeyError where there is no such target."""
        self.prepare(request)
        scrape = self.answer(request)
        if scrape is None:
            raise KeyError(request.target)
        return scrape

    def _prepare(self, request: ScrapeRequest) -> None:
        self._asked_at = time.monotonic()
        reading = self._read()
        self._renew(reading)
        if request.target:
            return
        made = self._made(request)
        if made is None or not self._is_still(made, reading):
            made = self._make(request, reading)
            self._pages[self._kind(request)] = made
        if self._format(request).is_gzipped and not made.page.is_deflated:
            made.page.deflate()

    def _read(self) -> Reading:
        return Reading(
            snapshot=self._snapshot(),
            now=self._now(),
            monitor=self._monitor(),
            rules=self._telemetry.rules,
            reload_ok=self._telemetry.reload_ok,
            reloaded_at=self._telemetry.reloaded_at,
            heartbeat_at=self._telemetry.heartbeat_at,
            http_sd_at=self._telemetry.http_sd_at,
            contract_ok=self._telemetry.contract_ok,
            shard=self._telemetry.shard,
        )

    def _is_current(self, reading: Reading) -> bool:
        changes = self._telemetry.changes
        return self._prepared.is_current(reading.snapshot, changes, reading.now)

    def _is_still(self, made: _Made, reading: Reading) -> bool:
        return made.prepared is self._prepared and made.reading.is_as(reading)

    def _renew(self, reading: Reading) -> None:
        if self._is_current(reading):
            return
        # Before the changed ones are taken: what changes between the two is looked at once more.
        changes = self._telemetry.changes
        changed = self._telemetry.take_changed()
        try:
            renewal = Renewal(
                self._prepared,
                reading.snapshot,
                self._own,
                changed=changed,
                taken=self._taken,
            )
            self._prepared = renewal.prepared(changes, reading.now)
        except BaseException:
            # Else their lines would stay as they are until they change once more.
            self._telemetry.put_back(changed)
            raise

    def _kind(self, request: ScrapeRequest) -> tuple[str | None, bool]:
        return request.target, self._format(request).is_openmetrics

    def _made(self, request: ScrapeRequest) -> _Made | None:
        return self._pages.get(self._kind(request))

    def _make(self, request: ScrapeRequest, reading: Reading) -> _Made:
        prepared = self._prepared
        is_openmetrics = self._format(request).is_openmetrics
        page = joined(
            self._own,
            prepared if request.target is None else prepared.without_targets(),
            beginning=b"".join(
                self._of_monitor(reading, is_openmetrics=is_openmetrics)
            ),
            certificates=page_certificates(reading),
            is_openmetrics=is_openmetrics,
        )
        made = self._made(request)
        if made is not None and made.page.is_as(page):
            # The next result has often brought nothing new: then it need not be deflated again.
            page = made.page
        return _Made(page, prepared, reading)

    def _of_monitor(self, reading: Reading, *, is_openmetrics: bool) -> Iterator[bytes]:
        for column in self._own.of_monitor:
            lines = column.write(reading)
            if lines:
                yield column.head.of(is_openmetrics=is_openmetrics)
                yield lines

    def _end(
        self, request: ScrapeRequest, page: PreparedPage, *, is_openmetrics: bool
    ) -> bytes:
        """Return what is new at each scrape: what had to be left out, and the process."""
        eof = EOF if is_openmetrics else b""
        if request.target:
            return eof
        self._skipped += page.skipped
        head_ = self._skipped_head.of(is_openmetrics=is_openmetrics)
        line = f"{SKIPPED.name} {number(self._skipped)}\n".encode()
        process = self._process.lines(is_openmetrics=is_openmetrics)
        return b"".join((head_, line, process, eof))

    def _format(self, request: ScrapeRequest) -> ScrapeFormat:
        asked = (request.accept, request.accept_encoding)
        known = self._formats.get(asked)
        if known is None:
            if len(self._formats) >= _MAX_ACCEPTS:
                self._formats.clear()
            known = self._formats[asked] = negotiated(*asked)
        return known


def _own_families() -> frozenset[str]:
    own = {family_name(one.name, one.kind) for one in declared_metrics()}
    return PROCESS_FAMILIES | own
