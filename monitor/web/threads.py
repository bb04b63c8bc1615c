"""Work on requests in a few threads that are there from the start: a scrape needs no new one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from starlette.requests import Request
from starlette.responses import Response

Given = ParamSpec("Given")
Gives = TypeVar("Gives")


class Threads:
    """`size` threads that stay: requests are worked on so many at once, and more wait."""

    def __init__(self, size: int, name: str = "request") -> None:
        self._size = size
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)

    def start(self) -> None:
        """Start them all; RuntimeError when the system gives too few."""
        # An executor starts a thread where none is idle: each of these waits for the last one.
        all_here = threading.Barrier(self._size)
        try:
            waits = [self._pool.submit(all_here.wait) for _ in range(self._size)]
        except RuntimeError:
            all_here.abort()  # those that are there would wait for ever, and the process for them
            raise
        for one in waits:
            one.result()

    def stop(self) -> None:
        """Let them end, each after the request that it works on; wait for none."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def do(
        self, work: Callable[Given, Gives], *args: Given.args, **named: Given.kwargs
    ) -> Gives:
        """Run it in a thread, and return what it returns; what it raises is raised here."""
        call = partial(work, *args, **named)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def within(
        self, answer: Callable[[Request], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Make of a plain function one that has a thread do it."""

        async def endpoint(request: Request) -> Response:
            return await self.do(answer, request)

        return endpoint
