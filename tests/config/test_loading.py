"""Good configurations as a whole: all defaults, all keys, and what loading does not do."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path

import monitor
from monitor.model.process_settings import StateSettings, Web
from monitor.model.settings import Receiver, Severity
from monitor.model.targets import PasswordSource, Target, Tls
from monitor.notify.alertmanager.settings import AlertmanagerSettings
from monitor.notify.webhook.settings import WebhookSettings
from tests.config.folder import (
    TARGET,
    Folder,
)

PACKAGE = Path(monitor.__file__).parent


def test_the_least_configuration_has_all_defaults(folder: Folder) -> None:
    config = folder.load(TARGET)
    assert config.path == folder.path / "config.toml"
    assert config.targets == (
        Target(
            name="main",
            user="token_monitor",
            database="app",
            tls=Tls("disabled"),
            unix_socket=Path("/run/mysqld/mysqld.sock"),
        ),
    )
    assert config.jobs == ()
    assert config.receivers == ()
    assert config.web == Web("127.0.0.1", 8917, None)
    assert config.state == StateSettings(folder.path / "state", timedelta(days=30))
    assert config.notices == (
        'folder "q" holds no query',
        'no query runs on target "main"',
    )
    own = tomllib.loads(
        (PACKAGE / "config" / "queries" / "own_rules.toml").read_text()
    )["rules"]
    assert [rule.name for rule in config.own_rules] == list(own)


def test_everything_that_can_be_said_of_a_target_and_a_receiver_is_kept(
    folder: Folder,
) -> None:
    config = folder.load("""
external_url = "https://monitor.example.com/X/"
runbook_base_url = "https://wiki.example.com/runbooks/"
[targets.main]
host = "db.example.com"
port = 3307
user = "token_monitor"
password_file = "secrets/main"
database = "app"
max_connections = 4
max_replica_lag = "5m"
labels = { region = "eu", shard = "3" }
tls = { mode = "verify_ca", ca_file = "ca.pem", cert_file = "/etc/c.pem", key_file = "k.pem" }
[receivers.oncall]
kind = "alertmanager"
urls = ["http://127.0.0.1:9093", "https://user:s3cret@am.example.com/x"]
min_severity = "warning"
match = { target = "main", shard = 3 }
send_resolved = false
watchdog = true
timeout = "5s"
resend_delay = "30s"
[receivers.chat]
kind = "webhook"
url_file = "secrets/chat"
headers = { X-Token = "s3cret" }
[web]
listen = "[::1]:0"
config_file = "web.yml"
[state]
directory = "/var/lib/token-monitor"
retention = "7d"
""")
    base = folder.path
    assert config.external_url == "https://monitor.example.com/X"
    assert config.runbook_base_url == "https://wiki.example.com/runbooks"
    assert (
        config.runbook_base_for("usage-stopped") == "https://wiki.example.com/runbooks"
    )
    assert config.targets == (
        Target(
            name="main",
            user="token_monitor",
            database="app",
            tls=Tls("verify_ca", base / "ca.pem", Path("/etc/c.pem"), base / "k.pem"),
            host="db.example.com",
            port=3307,
            password=PasswordSource(file=base / "secrets/main"),
            max_connections=4,
            labels={"region": "eu", "shard": "3"},
            max_replica_lag=timedelta(minutes=5),
        ),
    )
    assert config.receivers == (
        Receiver(
            name="oncall",
            settings=AlertmanagerSettings(
                ("http://127.0.0.1:9093", "https://user:s3cret@am.example.com/x"),
                resend_delay=timedelta(seconds=30),
            ),
            min_severity=Severity.WARNING,
            match=(("shard", "3"), ("target", "main")),
            send_resolved=False,
            watchdog=True,
            timeout=timedelta(seconds=5),
        ),
        Receiver(
            name="chat",
            settings=WebhookSettings(
                url_file=base / "secrets/chat", headers={"X-Token": "s3cret"}
            ),
        ),
    )
    assert config.web == Web("::1", 0, base / "web.yml")
    assert config.state == StateSettings(
        Path("/var/lib/token-monitor"), timedelta(days=7)
    )


def test_loading_imports_neither_driver_nor_scheduler_nor_parser(
    tmp_path: Path,
) -> None:
    script = (
        "import sys; from monitor.config import load; from monitor.notify.kinds import KINDS;"
        "print([n for n in ('pymysql', 'apscheduler', 'sqlglot', 'urllib3', 'jinja2') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_shipped_runbook_is_linked_where_the_page_is_known_and_others_are_named(
    folder: Folder,
) -> None:
    here = 'external_url = "https://monitor.example.com"\n'
    wiki = 'runbook_base_url = "https://wiki.example.com"\n'
    found = {
        (name, root): folder.load(root + TARGET).runbook_base_for(name)
        for name in ("usage-stopped", "our-own")
        for root in ("", here, here + wiki)
    }
    assert found == {
        ("usage-stopped", ""): "",
        ("usage-stopped", here): "https://monitor.example.com/runbooks",
        ("usage-stopped", here + wiki): "https://wiki.example.com",
        ("our-own", ""): "",
        ("our-own", here): "",
        ("our-own", here + wiki): "https://wiki.example.com",
    }
