"""Targets that come and go by files and by an address that is asked: taken by itself, never lost by a fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleet import LISTED, PASSWORD, Fleet, a_fleet, wait_for_runs
from tests.acceptance.program import Daemon, run_command, running, wait_until
from tests.notify.far_end import Answer, FarEnd, far_end, status
from tests.notify.far_end import Request as Asked

RELOADED_OK = "token_monitor_config_last_reload_successful"
FAILURES = "token_monitor_http_sd_failures_total"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with a_fleet() as one:
        yield one


def reloaded(daemon: Daemon, after: int, targets: int) -> None:
    daemon.wait_for("config.reloaded", after=after, targets=targets)


def test_a_file_that_changes_is_taken_and_a_bad_one_is_refused_and_changes_nothing(
    fleet: Fleet,
) -> None:
    fleet.write("a")
    with running(fleet.config(LISTED)) as daemon:
        wait_for_runs(daemon, ["a"])
        seen = len(daemon.events)
        fleet.write("a", "b")
        reloaded(daemon, seen, 2)
        wait_for_runs(daemon, ["a", "b"], after=seen)
        assert daemon.series('app_one{region="eu",target="b"}')

        seen = len(daemon.events)
        fleet.write_text('[{"targets": ["127.0.0.1"')
        problems = daemon.wait_for("config.rejected", after=seen)["problems"]
        assert [one.split(":")[0] for one in problems] == ["targets/one.json"]
        wait_for_runs(daemon, ["a", "b"], after=len(daemon.events))
        assert daemon.series(RELOADED_OK) == {RELOADED_OK: 0.0}
        # Of one bad file there is one word, however long it stays.
        assert len(daemon.seen("config.rejected")) == 1

        seen = len(daemon.events)
        fleet.write("b", file="two.json")
        fleet.write("a")
        reloaded(daemon, seen, 2)
        assert daemon.series(RELOADED_OK) == {RELOADED_OK: 1.0}

        seen = len(daemon.events)
        (fleet.folder / "targets" / "two.json").unlink()
        reloaded(daemon, seen, 1)
        # The pipeline takes the configuration behind what was in its queue.
        wait_until(
            lambda: not daemon.series('token_monitor_up{target="b"}'),
            why="what is watched no more has no series",
        )
    assert not any(PASSWORD in line for line in daemon.raw)


def test_a_file_that_is_bad_and_gone_again_leaves_no_trouble_behind(
    fleet: Fleet,
) -> None:
    fleet.write("a")
    with running(fleet.config(LISTED)) as daemon:
        wait_for_runs(daemon, ["a"])
        fleet.write_text("{", "two.json")
        daemon.wait_for("config.rejected")
        seen = len(daemon.events)
        (fleet.folder / "targets" / "two.json").unlink()
        reloaded(daemon, seen, 1)
        assert daemon.series(RELOADED_OK) == {RELOADED_OK: 1.0}


class Inventory:
    """What an address answers, which a test changes while it is asked."""

    def __init__(self) -> None:
        self.body = b"[]"
        self.code = 200

    def answer(self, _request: Asked) -> Answer:
        """Answer any request."""
        return status(self.code, body=self.body)


@pytest.fixture
def inventory() -> Inventory:
    return Inventory()


@pytest.fixture
def address(inventory: Inventory) -> Iterator[FarEnd]:
    with far_end(otherwise=inventory.answer) as end:
        yield end


def http_sd(fleet: Fleet, address: FarEnd) -> Path:
    token = fleet.folder / "secrets" / "token"
    token.write_text("Bearer t0ken-of-the-inventory\n")
    token.chmod(0o600)
    return fleet.config(
        extra=f'[http_sd]\nurl = "{address.url}/list?key=k3y-of-ours"\nrefresh = "1s"\n'
        'header_files = { Authorization = "secrets/token" }\n'
    )


def test_the_list_of_an_address_is_followed_and_outlives_whatever_it_answers(
    fleet: Fleet, inventory: Inventory, address: FarEnd
) -> None:
    inventory.body = json.dumps(fleet.group("a")).encode()
    with running(http_sd(fleet, address)) as daemon:
        wait_for_runs(daemon, ["a"])
        assert address.requests[0].headers["authorization"].endswith("inventory")
        assert address.requests[0].method == "GET"
        seen = len(daemon.events)
        inventory.body = json.dumps(fleet.group("b", "a")).encode()
        reloaded(daemon, seen, 2)
        wait_for_runs(daemon, ["a", "b"], after=seen)

        # The same in another order is no change.
        inventory.body = json.dumps(fleet.group("a", "b")).encode()
        for code, body, reason in (
            (500, b"broken k3y-of-ours", "http_500"),
            (200, b"<html>", "bad_answer"),
            (200, b"[]", "bad_answer"),
            (302, b"", "redirect"),
        ):
            seen = len(daemon.events)
            inventory.code, good = code, inventory.body
            inventory.body = body
            daemon.wait_for("discovery.failed", after=seen, reason=reason)
            inventory.code, inventory.body = 200, good
            daemon.wait_for("discovery.succeeded", after=seen, last_reason=reason)
            assert len(daemon.seen("config.reloaded")) == 1
        wait_for_runs(daemon, ["a", "b"], after=len(daemon.events))
        failures = daemon.series(FAILURES)
        assert failures[f'{FAILURES}{{reason="bad_answer"}}'] >= 2
        kept = fleet.folder / "state" / "http_sd.json"
        assert kept.stat().st_mode & 0o777 == 0o600
    for secret in ("k3y-of-ours", "t0ken-of-the-inventory", PASSWORD):
        assert not any(secret in line for line in daemon.raw), secret
        assert secret not in kept.read_text()


def test_a_start_that_cannot_ask_watches_what_was_last_in_force(
    fleet: Fleet, inventory: Inventory, address: FarEnd
) -> None:
    inventory.body = json.dumps(fleet.group("a", "b")).encode()
    config = http_sd(fleet, address)
    with running(config) as daemon:
        wait_for_runs(daemon, ["a", "b"])
        daemon.wait_for("discovery.succeeded")
        kept = fleet.folder / "state" / "http_sd.json"
        wait_until(kept.exists, why="the list is kept")
    inventory.code = 503
    with running(config) as daemon:
        wait_for_runs(daemon, ["a", "b"])
        daemon.wait_for("discovery.failed", reason="http_503")
        assert daemon.seen("alert.resolved") == []
    # What reads the state knows the targets too; what needs them asks, and takes the same.
    assert run_command("alerts", "--config", str(config)).returncode == 0
    done = run_command("check", "--config", str(config), "--target", "b")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_list_with_a_bad_entry_stops_neither_a_reload_nor_the_next_start(
    fleet: Fleet, inventory: Inventory, address: FarEnd
) -> None:
    good = json.dumps(fleet.group("a", "b")).encode()
    # A label that this monitor sets itself, in the group of a target that is new.
    bad = json.dumps(
        [*fleet.group("a", "b"), {"targets": ["127.0.0.1:1"], "labels": {"9": "x"}}]
    ).encode()
    inventory.body = good
    config = http_sd(fleet, address)
    with running(config) as daemon:
        wait_for_runs(daemon, ["a", "b"])
        kept = fleet.folder / "state" / "http_sd.json"
        wait_until(kept.exists, why="the list is kept")
        inventory.body = bad
        failed = daemon.wait_for("discovery.failed", reason="bad_answer")
        assert "http_sd" in str(failed["message"])
        assert daemon.get("/-/reload", method="POST")[0] == 200
        assert daemon.seen("config.rejected") == []
    with running(config) as daemon:
        wait_for_runs(daemon, ["a", "b"])
        daemon.wait_for("discovery.failed", reason="bad_answer")
        inventory.body = good
        daemon.wait_for("discovery.succeeded", last_reason="bad_answer")
    # Whoever asks what is wrong hears it.
    inventory.body = bad
    done = run_command("validate", "--connect", "--config", str(config))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "http_sd" in done.stderr


def test_a_first_start_waits_for_the_address_as_for_anything_that_may_pass(
    fleet: Fleet, inventory: Inventory, address: FarEnd
) -> None:
    inventory.code = 503
    with running(http_sd(fleet, address)) as daemon:
        delayed = daemon.wait_for("start.delayed")
        assert "http_sd: no list of targets" in str(delayed["message"])
        assert "k3y-of-ours" not in str(delayed)
        inventory.body = json.dumps(fleet.group("a")).encode()
        inventory.code = 200
        wait_for_runs(daemon, ["a"])


def test_validate_is_offline_and_with_connect_asks(
    fleet: Fleet, inventory: Inventory, address: FarEnd
) -> None:
    inventory.body = json.dumps(fleet.group("a", "b")).encode()
    config = http_sd(fleet, address)
    done = run_command("validate", "--config", str(config))
    assert (done.returncode, address.requests) == (0, []), done.stderr
    assert "0 targets" in done.stdout
    done = run_command("validate", "--connect", "--config", str(config))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 targets" in done.stdout
