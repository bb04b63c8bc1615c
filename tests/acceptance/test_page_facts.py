"""What the page of the running program says of the monitor itself, and to whom it shows what was found."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import bcrypt

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, write_config
from tests.acceptance.program import Daemon, running, wait_until

TOML = """
summary = "x"
interval = "5m"
timeout = "50s"
[metrics.found]
help = "x"
labels = ["plan"]
value = "n"
[evidence]
sql = "SELECT 987654321 AS user_id"
[rules.Found]
metric = "found"
above = 0
severity = "critical"
summary = "{value} of {plan} are lost"
group_summary = "{total} are lost"
runbook = "usage-stopped"
"""
USER = {"authorization": "Basic " + base64.b64encode(b"ops:secret").decode()}


def a_config(
    mariadb: PrivateMariaDB, schema: str, folder: Path, extra: str = ""
) -> Path:
    two_files(
        folder,
        "found",
        sql="SELECT 'pro' AS plan, 40 AS n UNION SELECT 'team', 20",
        toml=TOML,
    )
    config = only_ours(write_config(folder, mariadb, schema))
    text = config.read_text(encoding="utf-8")
    config.write_text(
        f'external_url = "http://monitor.test"\n{text}'.replace(
            "[web]", f"[web]\n{extra}"
        )
    )
    return config


def first_alert(daemon: Daemon, headers: dict[str, str]) -> dict[str, object]:
    answer = json.loads(daemon.get("/api/v1/alerts", headers=headers)[1])
    found = [
        one for one in answer["data"]["alerts"] if one["labels"]["alertname"] == "Found"
    ]
    alert: dict[str, object] = found[0]
    return alert


def test_that_nobody_is_notified_and_that_a_change_was_refused_is_said_aloud(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = a_config(mariadb, schema, folder)
    with running(config) as daemon:
        said = daemon.wait_for("config.noticed", level="warning")
        assert str(said["message"]).startswith(
            "nobody is notified of any alert: no receiver is configured"
        )
        fired = daemon.wait_for("alert.fired", alertname="Found")
        assert (
            fired["annotations"]["runbook_url"]
            == "http://monitor.test/runbooks/usage-stopped"
        )
        page = daemon.get("/")[1]
        assert "Nobody is notified" in page
        assert "<h1>60 are lost, 2 plans, for " in page
        assert "987654321" not in page + json.dumps(first_alert(daemon, {}))
        config.write_text(config.read_text(encoding="utf-8").replace("[web]", "[wob]"))
        assert daemon.get("/-/reload", method="POST")[0] == 500
        wait_until(
            lambda: "The changed configuration was refused" in daemon.get("/")[1]
        )
        assert "wob" in daemon.get("/")[1]
        config.write_text(config.read_text(encoding="utf-8").replace("[wob]", "[web]"))
        assert daemon.get("/-/reload", method="POST")[0] == 200
        wait_until(
            lambda: "The changed configuration was refused" not in daemon.get("/")[1]
        )


def test_evidence_is_for_who_has_given_a_password(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    (folder / "web.yml").write_text(
        f"basic_auth_users:\n  ops: {hashed}\n", encoding="utf-8"
    )
    with running(
        a_config(mariadb, schema, folder, 'config_file = "web.yml"')
    ) as daemon:
        daemon.wait_for("alert.fired", alertname="Found")
        assert daemon.get("/")[0] == 401
        assert "user_id: 987654321" in daemon.get("/", headers=USER)[1]
        assert first_alert(daemon, USER)["evidence"] == [{"user_id": 987654321}]
        assert "987654321" not in daemon.get("/metrics", headers=USER)[1]
