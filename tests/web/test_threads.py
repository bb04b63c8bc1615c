"""The threads of the web server, where the system gives too few."""

from __future__ import annotations

import subprocess
import sys

ROOM_FOR_TWO = """
import resource, threading
from pathlib import Path
from monitor.web.threads import Threads

stack_bytes = 64 << 20
threading.stack_size(stack_bytes)
(size,) = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmData" in line]
limit = int(size.split()[1]) * 1024 + stack_bytes * 5 // 2
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    Threads(4).start()
except RuntimeError as error:
    print(threading.active_count() - 1, error)
"""


def test_too_few_are_said_and_those_that_came_do_not_keep_the_process_from_ending() -> (
    None
):
    ended = subprocess.run(
        [sys.executable, "-c", ROOM_FOR_TWO],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == "2 can't start new thread\n"
