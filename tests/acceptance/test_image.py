"""The image as it is run: built from the Dockerfile, without a right, on a file system that is read-only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor import __version__
from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.tokens import create_tables, populate
from tests.acceptance.program import Event, short_directory, wait_until
from tests.conftest import LONG_NOT_ASKED
from tests.notify.far_end import far_end, status
from tests.support.servers import free_port

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "image"
IMAGE_UNAVAILABLE = "the image cannot be built here"
ASKED_BY = ("TOKEN_MONITOR_TEST_LONG", "TOKEN_MONITOR_TEST_IMAGE")
USER = 65532
PROGRAM = "/opt/token-monitor/bin/token-monitor"

pytestmark = [
    pytest.mark.skipif(
        not any(os.environ.get(name) for name in ASKED_BY), reason=LONG_NOT_ASKED
    ),
    pytest.mark.timeout(900),  # the first build makes a Debian
]


@dataclass
class Image:
    """The image and what is mounted into it: a folder with config.toml, the address to listen on."""

    says: dict[str, Any]
    config: Path
    port: int

    @property
    def options(self) -> tuple[str, ...]:
        return (
            *("--env", f"TOKEN_MONITOR_LISTEN=127.0.0.1:{self.port}"),
            *("--volume", f"{self.config}:/etc/token-monitor:ro"),
        )

    def run(self, *arguments: str, extra: str = "") -> tuple[int, str, str]:
        """Run the program to its end; gives the exit code, stdout and stderr."""
        done = subprocess.run(
            [SCRIPT, "run", *self.options, "--", *arguments],
            env={**os.environ, "EXTRA": extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    @contextmanager
    def running(self, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run it as it is run by default, until it is asked to stop."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                [SCRIPT, "run", *self.options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                for event in events(log, "monitor.started"):
                    os.kill(event["pid"], signal.SIGKILL)
                process.wait(30)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{path}", timeout=5
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            return 0, str(error)


def events(log: Path, name: str) -> list[Event]:
    lines = (
        log.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
    )  # the last may be half there
    return [
        event
        for event in (json.loads(one) for one in lines if one.startswith("{"))
        if event["event"] == name
    ]


@pytest.fixture(scope="module")
def database() -> Iterator[PrivateMariaDB]:
    """Run a MariaDB that takes connections by TCP, with the token system and an account that can read it."""
    with PrivateMariaDB(short_directory(), port=free_port()) as server:
        with server.connect() as connection, connection.cursor() as cursor:
            create_tables(connection)
            populate(connection, now=datetime.now(UTC))
            cursor.execute(
                "CREATE USER token_monitor@'127.0.0.1' IDENTIFIED BY 'from a file'"
            )
            cursor.execute("GRANT SELECT ON app.* TO token_monitor@'127.0.0.1'")
        yield server


@pytest.fixture(scope="module")
def says() -> dict[str, Any]:
    """Build the image; gives what it says of itself."""
    done = subprocess.run(
        [SCRIPT, "inspect"], capture_output=True, text=True, check=False
    )
    if done.returncode == 3:
        last = done.stderr.strip().splitlines()[-1]
        pytest.skip(
            f"{IMAGE_UNAVAILABLE}: {last.partition(f'{IMAGE_UNAVAILABLE}: ')[2]}"
        )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)["Docker"]["config"]
    return said


@pytest.fixture
def image(says: dict[str, Any], database: PrivateMariaDB, folder: Path) -> Image:
    """Return the image with a configuration that its user can read, and nobody else the password."""
    folder.chmod(0o755)
    password = folder / "password"
    password.touch(0o400)
    password.write_text("from a file\n", encoding="utf-8")
    os.chown(password, USER, USER)
    (folder / "config.toml").write_text(
        f'[targets.main]\nhost = "127.0.0.1"\nport = {database.port}\nuser = "token_monitor"\n'
        'password_file = "password"\ndatabase = "app"\n',
        encoding="utf-8",
    )
    return Image(says, folder, free_port())


def test_the_image_says_how_it_is_run(image: Image) -> None:
    says = image.says
    assert (says["User"], says["WorkingDir"]) == (
        f"{USER}:{USER}",
        "/etc/token-monitor",
    )
    assert (says["Entrypoint"], says["Cmd"]) == ([PROGRAM], ["run"])
    assert says["Healthcheck"]["Test"] == ["CMD", PROGRAM, "healthcheck"]
    assert list(says["Volumes"]) == ["/var/lib/token-monitor"]
    assert list(says["ExposedPorts"]) == ["8917/tcp"]


def test_the_programs_of_the_image_tell_their_version_and_validate_what_is_mounted(
    image: Image,
) -> None:
    assert image.run("--version")[:2] == (0, f"token-monitor, version {__version__}\n")
    code, said, problems = image.run("validate", "--connect")
    assert code == 0, said + problems
    (image.config / "config.toml").write_text(
        "[targets.main]\nhots = 1\n", encoding="utf-8"
    )
    code, _, problems = image.run("validate")
    assert (code, "hots" in problems) == (2, True)


def test_an_image_with_the_extra_sends_through_apprise_and_one_without_says_what_it_lacks(
    image: Image,
) -> None:
    with far_end(status(200)) as service:
        address = service.url.replace("http://", "json://")
        (image.config / "address").write_text(f"{address}/hook\n", encoding="utf-8")
        with (image.config / "config.toml").open("a", encoding="utf-8") as config:
            config.write('[receivers.chat]\nkind = "apprise"\nurl_file = "address"\n')
        code, said, problems = image.run("notify", "--test", "chat")
        assert (code, service.requests) == (1, []), said + problems
        assert "token-monitor[apprise]" in said + problems
        code, said, problems = image.run("notify", "--test", "chat", extra="apprise")
        assert code == 0, said + problems
        (request,) = service.requests
        assert request.path == "/hook"


def test_the_daemon_in_the_image_watches_has_no_rights_is_healthy_and_stops_when_asked(
    image: Image, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with image.running(log) as process:
        wait_until(
            lambda: image.get("/-/ready")[0] == 200,
            seconds=90,
            why=f"it is ready: {log}",
        )
        counted = "\ntoken_subscribers{"
        wait_until(
            lambda: counted in image.get("/metrics")[1],
            seconds=90,
            why="subscribers are counted",
        )
        (started,) = events(log, "monitor.started")
        pid = started["pid"]
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        facts = {
            key: value.split()
            for key, _, value in (line.partition(":") for line in status.splitlines())
        }
        assert facts["Uid"] == facts["Gid"] == [str(USER)] * 4
        assert facts["Groups"] == []
        assert {*facts["CapEff"], *facts["CapPrm"], *facts["CapBnd"]} == {"0" * 16}
        assert facts["NoNewPrivs"] == ["1"]
        mounts = [
            line.split()
            for line in Path(f"/proc/{pid}/mountinfo")
            .read_text(encoding="utf-8")
            .splitlines()
        ]
        writable = {mount[4] for mount in mounts if "rw" in mount[5].split(",")}
        assert writable == {"/var/lib/token-monitor", "/tmp", "/proc", "/dev"}
        assert image.run("healthcheck")[:2] == (0, "healthy\n")
        os.kill(pid, signal.SIGTERM)
        assert process.wait(30) == 0
        assert [event["reason"] for event in events(log, "monitor.stopped")] == [
            "SIGTERM"
        ]
    assert image.run("healthcheck")[0] == 1
