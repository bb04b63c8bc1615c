"""Write what the system says of our own process, as the client library names it; read at each scrape."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import sys
import time
import weakref
from contextlib import ExitStack
from pathlib import Path

from monitor.telemetry.text_format import LineFormat, head

_PROC = Path("/proc/self")
_DESCRIPTORS = "/proc/self/fd"
_METRICS = (
    ("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", "%d.0"),
    (
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory size in bytes.",
        "%d.0",
    ),
    (
        "process_start_time_seconds",
        "gauge",
        "Start time of the process since unix epoch in seconds.",
        "%r",
    ),
    (
        "process_cpu_seconds_total",
        "counter",
        "Total user and system CPU time spent in seconds.",
        "%r",
    ),
    ("process_open_fds", "gauge", "Number of open file descriptors.", "%d.0"),
    ("process_max_fds", "gauge", "Maximum number of open file descriptors.", "%d.0"),
)
"""Names and words of prometheus_client, whose own reader takes five times as long as all the rest of a scrape."""
_PYTHON = ("python_info", "gauge", "Python platform information", "1.0")

PROCESS_FAMILIES = frozenset(
    name.removesuffix("_total") for name, _kind, _help, _value in (*_METRICS, _PYTHON)
)


class ProcessMetrics:
    """The process as it is now; without /proc only what Python it is."""

    def __init__(self) -> None:
        self._page_bytes = resource.getpagesize()
        self._started_at: float | None = None
        self._opened = ExitStack()
        # Also of one that nobody closes.
        weakref.finalize(self, self._opened.close)
        with contextlib.suppress(OSError):
            # Kept open: to find them again takes ten times as long as to read them.
            self._memory = self._open("/proc/self/statm")
            self._descriptors = self._open(_DESCRIPTORS)
            self._started_at = _started_at()
        self._formats = tuple(map(_format, (False, True)))
        self._python = tuple(map(_python_info, (False, True)))

    def lines(self, *, is_openmetrics: bool) -> bytes:
        """Return the families, with their heads."""
        python = self._python[is_openmetrics]
        if self._started_at is None:
            return python
        values = self._values(self._started_at)
        text = self._formats[is_openmetrics] % values
        return text.encode() + python

    def close(self) -> None:
        """Close what is kept open; no more lines of the process from then on."""
        self._started_at = None
        self._opened.close()

    def _open(self, path: str) -> int:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._opened.callback(os.close, descriptor)
        return descriptor

    def _values(self, started_at: float) -> tuple[float, ...]:
        """Return the values in the order of `_METRICS`."""
        size, resident, *_rest = os.pread(self._memory, 200, 0).split()
        times = os.times()
        most, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return (
            int(size) * self._page_bytes,
            int(resident) * self._page_bytes,
            started_at,
            round(times.user + times.system, 2),
            self._open_descriptors(),
            most,
        )

    def _open_descriptors(self) -> int:
        # Linux 6.2 and later say it at once; before, the size of this folder is 0.
        count = os.fstat(self._descriptors).st_size
        return count or len(os.listdir(_DESCRIPTORS))  # noqa: PTH208 - pathlib takes as long again


def _started_at() -> float:
    """Return when the process started, from the boot of the system and the ticks until then."""
    # Not from /proc/stat, which a service manager may hide (ProcSubset=pid).
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    # The name of the process, in parentheses, may have blanks in it.
    stat = (_PROC / "stat").read_text(encoding="utf-8", errors="replace")
    ticks = stat.rpartition(")")[2].split()[19]
    return boot + int(ticks) / os.sysconf("SC_CLK_TCK")


def _format(is_openmetrics: bool) -> str:  # noqa: FBT001 - one for each
    parts = []
    for name, kind, text, value in _METRICS:
        written = head(name, text, kind).of(is_openmetrics=is_openmetrics)
        parts.append(f"{written.decode()}{name} {value}\n")
    return "".join(parts)


def _python_info(is_openmetrics: bool) -> bytes:  # noqa: FBT001 - the same
    major, minor, patchlevel = sys.version_info[:3]
    values = {
        "implementation": platform.python_implementation(),
        "major": str(major),
        "minor": str(minor),
        "patchlevel": str(patchlevel),
        "version": platform.python_version(),
    }
    name, kind, text, _value = _PYTHON
    written = head(name, text, kind).of(is_openmetrics=is_openmetrics)
    return (
        written
        + LineFormat(name, tuple(values)).line(tuple(values.values()), 1).encode()
    )
