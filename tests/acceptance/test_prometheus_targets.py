"""A real Prometheus that finds our targets by http_sd and scrapes each by itself, configured as docs/http.md says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import write_config
from tests.acceptance.observers import Observer, Prometheus, program
from tests.acceptance.program import Daemon, running, wait_until

DOCS = Path(__file__).parent.parent.parent / "docs"
TARGETS = ("main", "eu", "us")


class PrometheusOfTargets(Prometheus):
    """With the scrape jobs of docs/http.md, every second."""

    def __init__(self, folder: Path, daemon: Daemon) -> None:
        Observer.__init__(self, folder)
        page = (DOCS / "http.md").read_text(encoding="utf-8")
        found = re.search(r"```yaml\n(scrape_configs:.*?)```", page, re.DOTALL)
        assert found is not None
        host, port = daemon.address
        text = found[1].replace("127.0.0.1:8917", f"{host}:{port}")
        config = yaml.safe_load(text)
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
        self._config = self.folder / "prometheus.yml"
        self._config.write_text(yaml.safe_dump(config), encoding="utf-8")

    def _command(self) -> Sequence[str]:
        return (
            program("prometheus"),
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )


@pytest.fixture
def daemon(mariadb: PrivateMariaDB, schema: str, folder: Path) -> Iterator[Daemon]:
    """Run the program on three targets, with one query of a counter and a gauge."""
    (folder / "queries").mkdir()
    (folder / "queries" / "one.sql").write_text("SELECT 7 AS n, 3 AS total")
    (folder / "queries" / "one.toml").write_text(
        'summary = "One"\ninterval = "1s"\ntimeout = "900ms"\n'
        '[metrics.token_one]\nhelp = "One"\nvalue = "n"\n'
        '[metrics.token_two_total]\nhelp = "One"\nvalue = "total"\ntype = "counter"\n'
    )
    others = "".join(
        f'[targets.{name}]\nunix_socket = "{mariadb.socket}"\nuser = "root"\ndatabase = "{schema}"\n'
        f'labels = {{ region = "{name}" }}\n'
        for name in TARGETS[1:]
    )
    config = write_config(folder, mariadb, schema, extra=others)
    text = config.read_text(encoding="utf-8")
    head = 'query_dirs = ["queries"]\nshipped_queries = false\n'
    config.write_text(head + text, encoding="utf-8")
    with running(config) as daemon:
        yield daemon


def test_each_target_is_scraped_by_itself_and_what_belongs_to_none_as_well(
    daemon: Daemon, folder: Path
) -> None:
    server = PrometheusOfTargets(folder / "prom", daemon)
    server.start()
    try:
        job = '{job="token-monitor"}'
        wait_until(
            lambda: (
                sorted(server.query(f"sum by (target) (token_one{job})"))
                == sorted(f"target={name}" for name in TARGETS)
            ),
            seconds=60,
            why="each target's samples are there",
        )
        wait_until(
            lambda: server.value(f"count(up{job} == 1)") == len(TARGETS) + 1,
            seconds=60,
            why="three targets and the rest are up",
        )
        for name in TARGETS:
            # As the instance that Prometheus scraped them from, and as a label of ours.
            series = f'token_two_total{{instance="{name}",target="{name}"}}'
            assert server.value(series) == 3
            assert server.value(f'up{{instance="{name}"}}') == 1
        assert server.query('token_one{region="eu"}') == {
            "__name__=token_one region=eu target=eu": 7.0
        }
        assert server.value(f"process_open_fds{job}") is not None
        assert server.query(f"count by (target) (token_monitor_up{job})") == {
            f"target={name}": 1.0 for name in TARGETS
        }
        wait_until(
            lambda: not server.query(f"scrape_samples_scraped{job} == 0"),
            why="no scrape was empty",
        )
        assert server.complaints() == []
    finally:
        server.stop()
