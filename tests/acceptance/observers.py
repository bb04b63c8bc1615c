"""The real Prometheus and Alertmanager as processes, configured by the example files of deploy/."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance.program import send_signal, wait_until
from tests.support.servers import free_port

DEPLOY = Path(__file__).parent.parent.parent / "deploy"


class Observer(ABC):
    """A server with a folder and a port of its own; killed at the end, its storage goes with the folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Return the command that serves at the port."""

    def start(self) -> None:
        """Start the program and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(
            self._is_ready, seconds=60, why=f"{self.url} is not ready; see {self._log}"
        )

    def stop(self, *, with_signal: int = signal.SIGKILL) -> None:
        """Stop it at once, or by SIGTERM so that it keeps what it knows."""
        if self._process is not None:
            self._process.send_signal(with_signal)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it answer nothing and forget nothing, until `thaw`."""
        assert self._process is not None
        send_signal(self._process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run on after a freeze."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """Return all that it has logged."""
        return self._log.read_text(encoding="utf-8")

    def complaints(self) -> list[str]:
        """Return the warnings and errors of its log."""
        lines = self.log().splitlines()
        assert any("level=info" in line.lower() for line in lines), (
            "its log has another format now"
        )
        return [
            line
            for line in lines
            if re.search("level=(warn|error)", line, re.IGNORECASE)
        ]

    def ask(self, path: str, **arguments: str) -> Any:
        """Return an answer of its HTTP API, as JSON."""
        url = f"{self.url}{path}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as answer:
            answer.close()
            return False
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


class Alertmanager(Observer):
    """With the routes and inhibit rules of deploy/, telling everything to one webhook at once."""

    def __init__(self, folder: Path, hook_url: str) -> None:
        super().__init__(folder)
        config = yaml.safe_load(
            (DEPLOY / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
        )
        config["route"] |= {"group_wait": "0s", "group_interval": "200ms"}
        for receiver in config["receivers"]:
            # As shipped it tells nobody yet.
            receiver["webhook_configs"] = [
                {"url": hook_url, "send_resolved": receiver["name"] == "oncall"}
            ]
        self._config = self.folder / "alertmanager.yml"
        self._config.write_text(yaml.safe_dump(config), encoding="utf-8")

    def _command(self) -> Sequence[str]:
        return (
            program("prometheus-alertmanager", "alertmanager"),
            f"--config.file={self._config}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        )

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """Return the alerts that are not over, also inhibited ones, with these labels."""
        found: list[dict[str, Any]] = self.ask("/api/v2/alerts")
        return [alert for alert in found if labels.items() <= alert["labels"].items()]

    def names(self) -> list[str]:
        """Return the names of the alerts that are not over, sorted."""
        return sorted(alert["labels"]["alertname"] for alert in self.alerts())

    def has_notified(self) -> bool:
        """Return whether an answer of its webhook has come back."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        count = re.search(
            r'^alertmanager_notification_latency_seconds_count\{integration="webhook"\} (\d+)',
            text,
            re.MULTILINE,
        )
        assert count is not None, "its metrics have other names now"
        return int(count[1]) > 0


class Prometheus(Observer):
    """With the scrape job and the rules of deploy/, scraping every second."""

    def __init__(
        self,
        folder: Path,
        *,
        target: tuple[str, int],
        alertmanager: Alertmanager | None,
        rules: Sequence[Path] = (),
    ) -> None:
        super().__init__(folder)
        shipped = DEPLOY / "prometheus"
        config = yaml.safe_load(
            (shipped / "prometheus.yml").read_text(encoding="utf-8")
        )
        config["global"] = {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "evaluation_interval": "1s",
        }
        config["rule_files"] = [
            *(str(shipped / name) for name in config["rule_files"]),
            *map(str, rules),
        ]
        if alertmanager is None:
            del config["alerting"]
        else:
            (manager,) = config["alerting"]["alertmanagers"]
            address = f"127.0.0.1:{alertmanager.port}"
            manager["static_configs"] = [{"targets": [address]}]
        (job,) = config["scrape_configs"]
        job |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
        job["static_configs"] = [{"targets": [f"{target[0]}:{target[1]}"]}]
        self._config = self.folder / "prometheus.yml"
        self._config.write_text(yaml.safe_dump(config), encoding="utf-8")

    def _command(self) -> Sequence[str]:
        return (
            program("prometheus"),
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )

    def query(self, expression: str) -> dict[str, float]:
        """Ask for the series at this moment: labels without job and instance as text, and the value."""
        answer = self.ask("/api/v1/query", query=expression)
        found = {}
        for one in answer["data"]["result"]:
            labels = {
                key: value
                for key, value in one["metric"].items()
                if key not in ("job", "instance")
            }
            found[
                " ".join(f"{key}={value}" for key, value in sorted(labels.items()))
            ] = float(one["value"][1])
        return found

    def value(self, expression: str) -> float | None:
        """Return the value of the only series; None where there is none."""
        values = list(self.query(expression).values())
        assert len(values) <= 1, expression
        return values[0] if values else None

    def target(self) -> dict[str, Any]:
        """Return what it knows of its only scrape target."""
        (one,) = self.ask("/api/v1/targets")["data"]["activeTargets"]
        found: dict[str, Any] = one
        return found


def program(*names: str) -> str:
    """Return the path of the first of these programs that is installed."""
    found = next((path for path in map(shutil.which, names) if path is not None), None)
    assert found is not None, f"{names[0]} is not installed; scripts/setup installs it"
    return found
