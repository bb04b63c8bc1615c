"""The installation as typed, the README's and that of a service: every command, in order, on a machine that is clean.

Replaced are the places outside a folder of the test's own, the account of the system, and the network of
the package index: the new environment finds the locked packages in this one.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import site
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import token_system

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHORT = README.partition("## Install")[2].partition("## Add a query")[0]
AS_A_SERVICE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
PLACES = (
    "/opt/token-monitor",
    "/etc/token-monitor",
    "/etc/systemd/system",
    "/usr/local/bin",
    "/var/lib/token-monitor",
)
OF_THE_SYSTEM = re.compile(
    r"^useradd .*|-o token-monitor -g token-monitor |^runuser -u token-monitor -- ",
    re.M,
)


def blocks(language: str, text: str = AS_A_SERVICE) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL
    )


class Machine:
    """A shell with the places of a clean machine in a folder."""

    def __init__(self, folder: Path, server: PrivateMariaDB) -> None:
        self._folder = folder
        self._checkout = folder / "checkout"
        self._cwd = self._checkout
        for place in PLACES:
            (folder / place[1:]).parent.mkdir(parents=True, exist_ok=True)
        for place in ("/etc/systemd/system", "/usr/local/bin"):
            (folder / place[1:]).mkdir(exist_ok=True)
        for name in ("pyproject.toml", "README.md"):
            self._checkout.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, self._checkout)
        for name in ("monitor", "queries", "requirements", "deploy", "docs"):
            shutil.copytree(
                ROOT / name,
                self._checkout / name,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        # The administrator's client finds the server, as on a machine that has one.
        (folder / ".my.cnf").write_text(
            f"[client]\nsocket={server.socket}\nuser=root\n"
        )
        self.environ: Mapping[str, str] = {
            "PATH": f"{folder}/usr/local/bin:{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # what pip calls so: without isolation
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "TOKEN_MONITOR_LISTEN": "127.0.0.1:0",
        }

    def path(self, place: str) -> Path:
        return self._folder / place[1:]

    def here(self, text: str) -> str:
        """Put the folder before each place of the machine."""
        for place in PLACES:
            text = re.sub(
                rf"(?<![\w/.]){re.escape(place)}", str(self.path(place)), text
            )
        return OF_THE_SYSTEM.sub("", text)

    def type(self, line: str) -> str:
        """Run a line as typed; it must succeed. A `cd` holds for the next one."""
        done = subprocess.run(
            [
                "bash",
                "-euo",
                "pipefail",
                "-c",
                f"{self.here(line)}\npwd >{self._folder}/cwd",
            ],
            cwd=self._cwd,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in (0, 141), f"{line}\n{done.stdout}{done.stderr}"
        self._cwd = Path((self._folder / "cwd").read_text().strip())
        return done.stdout

    def start(self, line: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", f"exec {self.here(line)}"],
            cwd=self._cwd,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.mark.timeout(300)
def test_the_installation_works_as_typed_and_what_it_runs_is_seen_by_the_commands_beside_it(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    machine = Machine(folder, mariadb)
    program, configuration, account, check = (
        text.splitlines() for text in blocks("sh")[:4]
    )
    for line in program:
        machine.type(line)
        if "-m venv" in line:
            let_in_the_locked_packages(machine.path("/opt/token-monitor"))
    assert (machine.path("/etc/systemd/system") / "token-monitor.service").is_file()
    for line in configuration:
        machine.type(line)
    secret = machine.path("/etc/token-monitor") / "secrets" / "main"
    assert (secret.stat().st_mode & 0o777, len(secret.read_text())) == (0o600, 32)
    user = f"tm_{schema}"
    config = next(text for text in blocks("toml") if text.startswith("# config.toml"))
    config = config.replace(
        'host = "db.example.com"', f'unix_socket = "{mariadb.socket}"'
    )
    config = config.replace('"token_monitor"', f'"{user}"').replace(
        '"app"', f'"{schema}"'
    )
    config = re.sub(r"\[receivers.oncall\].*?\n\n", "", config, flags=re.DOTALL)
    (machine.path("/etc/token-monitor") / "config.toml").write_text(
        machine.here(config), encoding="utf-8"
    )
    try:
        machine.type("\n".join(account))
        for line in check[:2]:
            machine.type(line)
        runs_and_is_seen(machine, check[2])
    finally:
        with mariadb.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP USER IF EXISTS '{user}'@localhost")


@pytest.mark.timeout(300)
def test_the_short_way_of_the_readme_ends_with_a_daemon_that_watches(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    machine = Machine(folder, mariadb)
    program, check = (text.splitlines() for text in blocks("sh", SHORT))
    user = f"tm_{schema}"
    *steps, init = program
    entered = []
    for line in steps:
        if line.startswith((". ", "cd ")):
            entered.append(line)
        machine.type("\n".join([*entered, line]))
        if "-m venv" in line:
            let_in_the_locked_packages(folder / "token-monitor")
    enter = "\n".join(entered)
    assert init.startswith("token-monitor init --database app ")
    init = f"token-monitor init --database {schema} --unix-socket {mariadb.socket} --user {user}"
    said = machine.type(f"{enter}\n{init} || test $? = 1")
    try:
        make_account(mariadb, said, folder / "watched" / "secrets" / "main")
        for line in check[:2]:
            machine.type(f"{enter}\n{line}")
        process = machine.start(
            f"bash -c '{enter.replace(chr(10), ';')}; exec {check[2].partition('#')[0]}'"
        )
        assert process.stdout is not None
        try:
            fired = any("alert.fired" in text for text in process.stdout)
            assert fired, "the watchdog fires"
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        with mariadb.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP USER IF EXISTS '{user}'@localhost")


def make_account(server: PrivateMariaDB, said: str, password: Path) -> None:
    """Run the statements that `init` printed, as an administrator does."""
    statements = [
        line for line in said.splitlines() if line.startswith(("CREATE USER", "GRANT"))
    ]
    assert len(statements) == 2, said
    with server.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(
                statement.rstrip(";").replace(
                    "put a long random password here",
                    password.read_text(encoding="utf-8").strip(),
                )
            )


def let_in_the_locked_packages(environment: Path) -> None:
    """Have a new environment find what is installed in this one."""
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "locked.pth").write_text(
        "\n".join(site.getsitepackages()), encoding="utf-8"
    )


def runs_and_is_seen(machine: Machine, line: str) -> None:
    """Run the daemon; commands beside it and after it find its state."""
    process = machine.start(line)
    assert process.stdout is not None
    try:
        fired = any("alert.fired" in text for text in process.stdout)
        assert fired, "the watchdog fires"
        assert "TokenMonitorWatchdog" in machine.type("token-monitor alerts")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert (machine.path("/var/lib/token-monitor") / "state.sqlite").is_file()
    assert "TokenMonitorWatchdog" in machine.type("token-monitor history")
    assert "TokenMonitorWatchdog" in machine.type(
        "token-monitor explain TokenMonitorWatchdog"
    )


def test_the_unit_and_the_installation_keep_the_state_and_the_program_in_the_same_places() -> (
    None
):
    unit = (ROOT / "deploy" / "systemd" / "token-monitor.service").read_text(
        encoding="utf-8"
    )
    config = next(text for text in blocks("toml") if text.startswith("# config.toml"))
    assert '[state]\ndirectory = "/var/lib/token-monitor"\n' in config
    assert "Environment=TOKEN_MONITOR_STATE_DIRECTORY=/var/lib/token-monitor\n" in unit
    for words in (
        "/opt/token-monitor/bin/token-monitor run --config /etc/token-monitor/config.toml",
        "User=token-monitor",
    ):
        assert words in unit
    assert "useradd --system --user-group" in blocks("sh")[1]
    assert os.access(ROOT / "deploy" / "systemd", os.R_OK)
