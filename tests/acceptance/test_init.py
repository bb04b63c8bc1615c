"""`init`: from nothing to a configuration that works, on a real server."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.program import run_command


def test_a_configuration_is_written_and_what_the_account_needs_is_printed_until_it_is_let_in(
    mariadb: PrivateMariaDB, schema: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    asked = ("--database", schema, "--unix-socket", str(mariadb.socket))
    user = f"init_{schema}"[:32]
    done = run_command("init", *asked, "--user", user, "--config", str(config))

    password_file = tmp_path / "secrets" / "main"
    password = password_file.read_text(encoding="utf-8").strip()
    assert (done.returncode, done.stderr) == (1, "")
    assert len(password) >= 32
    assert password not in done.stdout
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(password_file.parent.stat().st_mode) == 0o700
    assert "main: access_denied: " in done.stdout

    (create,) = [line for line in done.stdout.splitlines() if "CREATE USER" in line]
    (grant,) = [line for line in done.stdout.splitlines() if line.startswith("GRANT")]
    created = create.replace("put a long random password here", password)
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(created)
        cursor.execute(grant)

    config.unlink()
    again = run_command("init", *asked, "--user", user, "--config", str(config))
    assert (again.returncode, again.stderr) == (0, "")
    assert f"main lets {user} in. Next:" in again.stdout
    assert password_file.read_text(encoding="utf-8").strip() == password
    assert run_command("validate", "--config", str(config)).returncode == 0


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("# mine\n", encoding="utf-8")
    done = run_command("init", "--database", "app", "--config", str(config))
    assert done.returncode == 2
    assert f"{config} is there already, and is left as it is" in done.stderr
    assert config.read_text(encoding="utf-8") == "# mine\n"
    assert not (tmp_path / "secrets").exists()


def test_without_a_database_nothing_is_written(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    done = run_command("init", "--host", "127.0.0.1", "--config", str(config))
    assert done.returncode == 2
    assert "--database" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "http://127.0.0.1"), "targets.main.host"),
        (("--host", "h", "--unix-socket", "/s"), "not both"),
    ],
    ids=["a URL", "two places"],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_left_of_it(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    config = tmp_path / "config.toml"
    done = run_command("init", "--database", "app", *options, "--config", str(config))
    assert done.returncode == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_quotes_in_it_is_written_as_it_is(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    name = 'my"db\\'
    run_command(
        *("init", "--database", name, "--host", "127.0.0.1", "--port", "1"),
        *("--config", str(config)),
    )
    document = tomllib.loads(config.read_text(encoding="utf-8"))
    assert document["targets"]["main"]["database"] == name
