"""Work on requests in a few threads that are there from the start: a scrape needs no new one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import Request
from starlette.responses import Response


class Threads:
    """`size` threads that stay: requests are worked on so many at once, and more wait."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="request")

    def start(self) -> None:
        """Start them all; RuntimeError when the system gives too few."""
        # An executor starts a thread where none is idle: each of these waits for the last one.
        all_here = threading.Barrier(self._size)
        for one in [self._pool.submit(all_here.wait) for _ in range(self._size)]:
            one.result()

    def stop(self) -> None:
        """Let them end, each after the request that it works on; wait for none."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def within(self, answer: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Make of a plain function one that has a thread do it."""

        async def endpoint(request: Request) -> Response:
            return await asyncio.get_running_loop().run_in_executor(self._pool, answer, request)

        return endpoint
