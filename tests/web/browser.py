"""A real Chromium without a window, driven by the DevTools protocol over two pipes."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NO_BROWSER = "no Chromium among this system's packages"
_NAMES = ("chromium-headless-shell", "chromium")
_LIMIT = 60.0


class Browser:
    """One Chromium; `open` gives a fresh page with a profile of its own."""

    def __init__(self, program: str, profile: Path) -> None:
        commands_out, self._commands = os.pipe()
        self._answers, answers_in = os.pipe()
        # The protocol's descriptors are 3 and 4, whatever numbers ours have.
        script = f'exec 3<&{commands_out} 4>&{answers_in}; exec "$@"'
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]
        profiled = [
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
            "about:blank",
        ]
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", script, "sh", program, *options, *profiled],
            pass_fds=(commands_out, answers_in),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands_out)
        os.close(answers_in)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that come meanwhile are kept."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            self.events.append(answer)
        assert "error" not in answer, answer["error"]
        result: dict[str, Any] = answer["result"]
        return result

    def open(
        self,
        address: str,
        *,
        scripts: bool = True,
        headers: dict[str, str] | None = None,
    ) -> Page:
        """Open an address in a page of its own."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call(
            "Target.createTarget", url="about:blank", browserContextId=context
        )["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable", session)
        if headers:
            self.call("Network.setExtraHTTPHeaders", session, headers=headers)
        if not scripts:
            self.call("Emulation.setScriptExecutionDisabled", session, value=True)
        page = Page(self, session)
        page.go(address)
        return page

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(_LIMIT)
        os.close(self._commands)
        os.close(self._answers)

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + _LIMIT
        while b"\0" not in self._buffer:
            ready, _, _ = select.select(
                [self._answers], [], [], max(0.0, deadline - time.monotonic())
            )
            if not ready:
                raise AssertionError("Chromium does not answer")
            found = os.read(self._answers, 1 << 20)
            assert found, "Chromium has ended"
            self._buffer += found
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


class Page:
    """One page in the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def go(self, address: str) -> None:
        """Go to an address and wait until it is loaded."""
        self._browser.events.clear()
        self.call("Page.navigate", url=address)
        self.wait_for_load()

    def wait_for_load(self) -> None:
        """Wait until the page has loaded that is on its way."""
        deadline = time.monotonic() + _LIMIT
        while not any(
            event.get("method") == "Page.loadEventFired"
            for event in self._browser.events
        ):
            assert time.monotonic() < deadline, "the page does not load"
            self.call("Page.getFrameTree")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command to this page."""
        return self._browser.call(method, self._session, **parameters)

    def ask(self, script: str) -> Any:
        """Evaluate an expression in the page; a promise is waited for."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def resize(self, width: int, height: int, *, scale: float = 1) -> None:
        """Change the size of the screen, in pixels of CSS."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def hide_scroll_bars(self) -> None:
        """Show no scroll bars, as a phone does."""
        self.call("Emulation.setScrollbarsHidden", hidden=True)

    def press(self, key: str, code: int, *, text: str = "") -> None:
        """Press and release a key; `code` is the number that Windows has for it, `text` what it types."""
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                **typed,
            )

    def prefer(self, scheme: str) -> None:
        """Have its reader prefer light or dark."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def picture(self, *, is_whole: bool = False) -> bytes:
        """Return what is seen of the page, or the whole of it, as a PNG."""
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=is_whole)
        return base64.b64decode(taken["data"])

    def wait_until(self, script: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + _LIMIT
        while not self.ask(script):
            assert time.monotonic() < deadline, f"never so: {script}"

    def complaints(self) -> list[str]:
        """List what the browser had to say: what its policy refused, what raised."""
        self.call("Page.getFrameTree")
        reported = [
            event
            for event in self._browser.events
            if event.get("sessionId") == self._session
        ]
        entries = [
            event["params"]["entry"]
            for event in reported
            if event["method"] == "Log.entryAdded"
        ]
        raised = [
            event["params"]
            for event in reported
            if event["method"] == "Runtime.exceptionThrown"
        ]
        return [entry["text"] for entry in entries] + [str(one) for one in raised]


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Run Chromium; skips where the system's packages have none."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        assert "ID=debian" not in Path("/etc/os-release").read_text(encoding="utf-8"), (
            "scripts/test installs it"
        )
        pytest.skip(NO_BROWSER)
    with tempfile.TemporaryDirectory(
        prefix="tm-", ignore_cleanup_errors=True
    ) as profile:
        browser = Browser(program, Path(profile))
        try:
            yield browser
        finally:
            browser.close()
