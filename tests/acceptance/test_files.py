"""The files that a configuration names, as the daemon finds them."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.program import run_command, running

CONFIG = """
shipped_queries = false
[targets.main]
unix_socket = "nobody.sock"
user = "u"
password_file = "pw"
database = "app"
[receivers.r]
kind = "slack"
url_file = "url"
[web]
listen = "127.0.0.1:0"
"""


def test_a_secret_that_everybody_may_read_and_one_that_cannot_be_right_are_reported_at_the_start(
    folder: Path,
) -> None:
    (folder / "config.toml").write_text(CONFIG)
    (folder / "pw").write_text("hunter2")
    (folder / "pw").chmod(0o644)
    (folder / "url").write_bytes(b"\xef\xbb\xbfhttp://127.0.0.1:9/hunter2")
    (folder / "url").chmod(0o600)
    with running(folder / "config.toml") as daemon:
        everybody = (
            "its mode, 0644, lets everybody on this machine read it; chmod o= it"
        )
        reported = f"targets.main.password_file: {folder}/pw: {everybody}"
        daemon.wait_for("config.noticed", message=reported, level="warning")
        mark = (
            "begins with a byte order mark, which counts; save it as UTF-8 without BOM"
        )
        daemon.wait_for(
            "config.noticed",
            message=f"receivers.r.url_file: {folder}/url: {mark}",
            level="warning",
        )
    assert "hunter2" not in "\n".join(daemon.raw)


def test_a_maintenance_window_that_never_opens_again_is_a_warning(folder: Path) -> None:
    config = folder / "config.toml"
    windows = (
        "[maintenance.over]\nuntil = 2025-12-01T02:00:00+01:00\n"
        "[maintenance.coming]\nuntil = 2999-12-01T02:00:00+01:00\n"
    )
    config.write_text(CONFIG.partition("[receivers")[0] + windows)
    config.write_text(f'{config.read_text()}[web]\nlisten = "127.0.0.1:0"\n')
    (folder / "pw").write_text("p")
    (folder / "pw").chmod(0o600)
    told = (
        "maintenance.over.until: is in the past (2025-12-01 01:00 UTC): the window never opens again;"
        " correct it, or take it out"
    )
    done = run_command("validate", "--config", str(config))
    assert f"warning: {told}\n" in done.stdout
    assert (done.returncode, "coming" in done.stdout) == (0, False)
    with running(config) as daemon:
        daemon.wait_for("config.noticed", message=told, level="warning")
