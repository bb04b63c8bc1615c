"""`healthcheck` as an image calls it: 0 for a healthy daemon, 1 for all else, within seconds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, write_config
from tests.acceptance.program import run_command, running
from tests.support.servers import free_port
from tests.web.certificates import Authority


def config_at(
    folder: Path, mariadb: PrivateMariaDB, schema: str, listen: str, *, extra: str = ""
) -> Path:
    two_files(
        folder,
        "one",
        sql="SELECT 1 AS n",
        toml='summary = "x"\ninterval = "2s"\ntimeout = "1s"',
    )
    return only_ours(write_config(folder, mariadb, schema, web=listen, extra=extra))


@contextmanager
def sick_daemon() -> Iterator[str]:
    """Answer as a daemon does whose pipeline hangs; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b"the pipeline has hung for 20 s\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_healthy_daemon_is_0_and_a_stopped_or_frozen_one_1(
    host: str, mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = config_at(folder, mariadb, schema, f"{host}:{free_port()}")
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        healthy = run_command("healthcheck", "--config", str(config))
        assert (healthy.returncode, healthy.stderr) == (0, "")
        daemon.signal(signal.SIGSTOP)
        try:
            frozen = run_command("healthcheck", "--config", str(config))
        finally:
            daemon.signal(signal.SIGCONT)
        assert frozen.returncode == 1
        assert "timed out" in frozen.stderr
    stopped = run_command("healthcheck", "--config", str(config))
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert stopped.stderr.startswith(f"no answer from {host}:")


def test_an_unhealthy_daemon_is_1_with_its_own_words(
    mariadb: PrivateMariaDB, folder: Path
) -> None:
    with sick_daemon() as address:
        config = config_at(folder, mariadb, "app", address)
        done = run_command("healthcheck", "--config", str(config))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the pipeline has hung for 20 s\n"


def test_the_environment_decides_where_to_ask_as_it_does_for_the_daemon(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = config_at(folder, mariadb, schema, "127.0.0.1:0")
    environ = {"TOKEN_MONITOR_LISTEN": f"127.0.0.1:{free_port()}"}
    with running(config, environ=environ) as daemon:
        daemon.wait_for("monitor.started")
        assert (
            run_command(
                "healthcheck", "--config", str(config), environ=environ
            ).returncode
            == 0
        )
        elsewhere = run_command("healthcheck", "--config", str(config))
    assert elsewhere.returncode == 1
    assert "port 0" in elsewhere.stderr


@pytest.mark.parametrize("client_auth", ["NoClientCert", "RequireAndVerifyClientCert"])
def test_tls_and_passwords_do_not_hinder_it(
    client_auth: str, mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    Authority(folder).issue("server")
    lines = ["tls_server_config:", "  cert_file: server.pem", "  key_file: server.key"]
    if client_auth != "NoClientCert":
        lines += ["  client_ca_file: ca.pem", f"  client_auth_type: {client_auth}"]
    user = "basic_auth_users: {ops: '$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi'}"
    (folder / "web.yml").write_text("\n".join([*lines, user]))
    config = config_at(
        folder,
        mariadb,
        schema,
        f"127.0.0.1:{free_port()}",
        extra='config_file = "web.yml"',
    )
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        done = run_command("healthcheck", "--config", str(config))
        assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_in_the_files_does_not_make_a_running_daemon_unhealthy(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = config_at(folder, mariadb, schema, f"127.0.0.1:{free_port()}")
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        config.write_text("colour = 1\n" + config.read_text())
        (folder / "queries/one.sql").unlink()
        assert run_command("validate", "--config", str(config)).returncode == 2
        assert run_command("healthcheck", "--config", str(config)).returncode == 0


def test_without_any_file_it_asks_where_the_daemon_listens_by_itself(
    folder: Path,
) -> None:
    with sick_daemon() as address:
        environ = {"TOKEN_MONITOR_LISTEN": address}
        done = run_command(
            "healthcheck", "--config", str(folder / "none.toml"), environ=environ
        )
    assert done.returncode == 1
    assert done.stderr.endswith("the pipeline has hung for 20 s\n")
