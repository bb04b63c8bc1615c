"""Have the system refuse this process what it asks for, for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MORE_THAN_THERE_IS = 2**60


@contextmanager
def no_thread_to_be_had() -> Iterator[None]:
    """Let no thread of this process start: there is no room for a stack of the size that it wants."""
    before = threading.stack_size(_MORE_THAN_THERE_IS)
    try:
        yield
    finally:
        threading.stack_size(before)
