"""Take pictures of the page as it is at first, when all is well, without a database, in an incident, and of a fleet.

Those for the documentation are what one sees without scrolling. `--all FOLDER` keeps the whole pages too, light and
dark, wide and on a phone: to be looked at after a change of the page.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.demo.incidents import MissingColumn, NullBalances
from scripts.screenshot_parts.fleet import fleet_page
from scripts.screenshot_parts.installation import Monitor, installation
from tests.web.browser import Browser, Page, a_browser

ROOT = Path(__file__).parents[2]
SCREENS = {"wide": (1280, 960), "phone": (390, 844)}
SCHEMES = ("light", "dark")
MAX_BYTES = 150_000
# Ages of a minute read better than of seconds.
_PAUSE_SECONDS = 62.0


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture for the documentation."""

    name: str
    screen: str = "wide"
    scheme: str = "light"


@dataclass(frozen=True, slots=True)
class Camera:
    """Takes pictures, into the documentation and of whole pages into another folder."""

    browser: Browser
    docs: Path
    all_pages: Path | None

    def take(self, address: str, scene: str, *shots: Shot, path: str = "/") -> None:
        """Take the pictures of a page, which are of a scene."""
        page = self.browser.open(address + path)
        page.hide_scroll_bars()
        for shot in shots:
            width, height = SCREENS[shot.screen]
            page.resize(width, height, scale=2 if shot.screen == "phone" else 1)
            page.prefer(shot.scheme)
            write(self.docs / f"{shot.name}.png", page.picture())
        if self.all_pages is not None:
            self._take_all(page, self.all_pages, scene)

    def _take_all(self, page: Page, folder: Path, scene: str) -> None:
        for screen, (width, height) in SCREENS.items():
            page.resize(width, height)
            for scheme in SCHEMES:
                page.prefer(scheme)
                name = f"{scene}-{screen}-{scheme}.png"
                write(folder / name, page.picture(is_whole=True), is_limited=False)
            wide = page.ask("document.documentElement.scrollWidth")
            if wide > width:
                print(f"{scene} is {wide} px wide on a screen of {width}")


def write(path: Path, picture: bytes, *, is_limited: bool = True) -> None:
    """Write a picture with as few colours as it needs."""
    command = ["pngquant", "--quality", "70-95", "--strip", "-"]
    found = subprocess.run(command, input=picture, capture_output=True, check=False)
    small = found.stdout if found.returncode == 0 else picture
    if is_limited and len(small) > MAX_BYTES:
        raise SystemExit(f"{path.name} has {len(small)} bytes; at most {MAX_BYTES}")
    path.write_bytes(small)
    print(f"{path}: {len(small):,} bytes", flush=True)


def take_all(camera: Camera) -> None:
    """Go through the scenes."""
    with fleet_page() as address:
        camera.take(address, "fleet", Shot("fleet"))
    with installation() as here:
        with here.monitor("first", receivers=False) as first:
            first.wait_until_refused()
            camera.take(first.address, "first", Shot("first-run"))
        here.let_in()
        with here.monitor("usual") as monitor:
            monitor.wait_until_well()
            _pause()
            camera.take(monitor.address, "well", Shot("well"))
            here.server.stop(with_signal=signal.SIGKILL)
            monitor.wait_for("TokenMonitorTargetDown")
            _pause()
            camera.take(monitor.address, "lost", Shot("no-contact", scheme="dark"))
            here.server.start()
            monitor.wait_until_well()
            _take_incident(camera, monitor, NullBalances(here.server, here.traffic))
            MissingColumn(here.server, here.traffic).break_it()
            monitor.wait_for("TokenColumnMissing")
            _pause()
            shots = Shot("incident"), Shot("incident-phone", "phone", "dark")
            camera.take(monitor.address, "incident", *shots)
            _take_other_pages(camera, monitor)


def _take_incident(camera: Camera, monitor: Monitor, incident: NullBalances) -> None:
    incident.break_it()
    monitor.wait_for("TokenBalancesUninitialized")
    camera.take(monitor.address, "balances")


def _take_other_pages(camera: Camera, monitor: Monitor) -> None:
    """Look at the pages behind the first one too."""
    if camera.all_pages is None:
        return
    for scene, path in (
        ("alert", f"/alerts/{monitor.fingerprint_of('TokenColumnMissing')}"),
        ("query", "/queries/uninitialized"),
        ("target", "/targets/main"),
        ("history", "/history"),
        ("silences", "/silences"),
        ("runbook", "/runbooks/column-missing"),
    ):
        camera.take(monitor.address, scene, path=path)


def _pause() -> None:
    time.sleep(_PAUSE_SECONDS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="whole pages too")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs" / "screenshots")
    options = parser.parse_args(arguments)
    for folder in filter(None, (options.docs, options.all)):
        folder.mkdir(parents=True, exist_ok=True)
    with a_browser() as browser:
        take_all(Camera(browser, options.docs, options.all))


if __name__ == "__main__":
    main()
