"""GET /metrics and /sd/targets over real sockets: one target alone, gzip as curl reads it, guards, expiry."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path

import pytest

from monitor.alerting.configured import empty_snapshot
from monitor.model.schedules import Every
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.exposition import Exposition
from monitor.web import Views
from tests.web.picture import (
    BALANCES,
    a_config,
    a_query,
    a_snapshot,
    a_target,
    seconds,
    subscribers,
    success,
)
from tests.web.serving import Client, ServedState, serving
from tests.web.web_config_files import basic, file_with, users_text

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
# As Prometheus 3 asks; 2 says the same without `escaping`.
PROMETHEUS = (
    f"{OPENMETRICS};escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@contextmanager
def two_targets(config_file: Path | None = None) -> Iterator[Client]:
    config = a_config(
        a_target("eu", region="eu"), a_target("us/öst&x"), queries=(BALANCES,)
    )
    served = ServedState(config)
    served.snapshot = a_snapshot(config)
    with serving(served, config_file=config_file) as client:
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with two_targets() as client:
        yield client


def targets_in(text: str) -> set[str]:
    return {
        line.split('target="')[1].split('"')[0]
        for line in text.splitlines()
        if 'target="' in line
    }


def test_one_target_alone_has_its_own_series_and_those_of_its_queries(
    client: Client,
) -> None:
    text = client.get("/metrics?target=eu").text
    assert targets_in(text) == {"eu"}
    lines = text.splitlines()
    assert (
        'token_subscribers{plan="pro",region="eu",status="ok",target="eu"} 7.0' in lines
    )
    assert 'token_monitor_up{target="eu"} 1.0' in lines
    assert "process_open_fds" not in text
    assert "token_monitor_alerts" not in text


def test_a_name_of_any_kind_is_found(client: Client) -> None:
    answer = client.get("/metrics?target=us%2F%C3%B6st%26x", accept=OPENMETRICS)
    assert targets_in(answer.text) == {"us/öst&x"}
    assert answer.text.endswith("# EOF\n")


def test_what_belongs_to_no_target_is_a_page_of_its_own(client: Client) -> None:
    text = client.get("/metrics?target=").text
    assert targets_in(text) == set()
    for name in ("process_open_fds ", "token_monitor_alerts{", "token_monitor_build"):
        assert f"\n{name}" in text


@pytest.mark.parametrize("name", ["nobody", "EU", "eu%20", "%00", "a%22%0Ab", "%FF"])
def test_a_target_that_there_is_none_of_gets_404_and_where_they_are_listed(
    client: Client, name: str
) -> None:
    answer = client.get(f"/metrics?target={name}")
    assert (answer.status, answer.text) == (
        404,
        "unknown target; /sd/targets lists those that there are\n",
    )


class ReloadedMeanwhile(ServedState):
    """Has another snapshot once /metrics has asked whether there is the target."""

    def views(self) -> Views:
        """Return what the web room reads."""
        before, after = self.snapshot, empty_snapshot(a_config(a_target("eu")))
        snapshots = chain([before], repeat(after))
        telemetry = Telemetry("1.2.3")
        telemetry.declare(self.config)
        exposition = Exposition(telemetry, lambda: next(snapshots), lambda: self.now)
        return replace(super().views(), exposition=exposition)


def test_a_target_that_a_reload_removes_while_its_scrape_waits_gets_404() -> None:
    config = a_config(a_target("eu"), a_target("us"), queries=(BALANCES,))
    served = ReloadedMeanwhile(config, a_snapshot(config))
    with serving(served) as client:
        answer = client.get("/metrics?target=us")
        assert (answer.status, answer.text) == (
            404,
            "unknown target; /sd/targets lists those that there are\n",
        )
        assert client.get("/metrics?target=eu").status == 200


@pytest.mark.parametrize("query", ["?", "?x=1", "?targets=eu", "?x=%ZZ&&==", "?&"])
def test_another_query_string_is_the_whole_page(client: Client, query: str) -> None:
    answer = client.get(f"/metrics{query}")
    assert (answer.status, targets_in(answer.text)) == (200, {"eu", "us/öst&x"})


def test_the_content_type_repeats_how_names_are_escaped(client: Client) -> None:
    answer = client.get("/metrics", accept=PROMETHEUS)
    assert (
        answer.headers["content-type"]
        == "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
    )


def test_several_accept_headers_are_one_list(client: Client) -> None:
    with client.connect() as connection:
        connection.sendall(
            b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Accept: text/plain;q=0.1\r\nAccept: application/openmetrics-text\r\n"
            b"Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n\r\n"
        )
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head
    assert gzip.decompress(body).endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/metrics", "/metrics?target=eu", "/metrics?target="])
def test_head_says_how_long_the_answer_would_be(client: Client, path: str) -> None:
    for encoding in ("identity", "gzip"):
        head = client.ask("HEAD", path, {"accept-encoding": encoding})
        whole = client.ask("GET", path, {"accept-encoding": encoding})
        assert (head.status, head.body) == (200, b"")
        # Numbers of the process may have a digit more.
        difference = abs(int(head.headers["content-length"]) - len(whole.body))
        assert difference < 10
        assert head.headers["vary"] == "Accept, Accept-Encoding"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_reads_a_gzipped_page_of_a_megabyte_whole() -> None:
    config = a_config(queries=(BALANCES,))
    served = ServedState(config)
    plans = [subscribers(f"plan-{number}", "ok", number) for number in range(10_000)]
    served.snapshot = a_snapshot(config, {"balances": success(*plans)})
    with serving(served) as client:
        url = f"http://{client.host}:{client.port}/metrics"
        command = ["curl", "-sS", "--compressed", "-H", f"Accept: {OPENMETRICS}", url]
        done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stdout.count(b"\ntoken_subscribers{") == 10_000
    assert b"\nprocess_open_fds " in done.stdout
    assert done.stdout.endswith(b"# EOF\n")


def test_what_has_expired_is_gone_though_nobody_publishes_anything_any_more() -> None:
    slow = replace(
        a_query("slow"),
        metrics=BALANCES.metrics,
        schedule=Every(timedelta(hours=1)),
    )
    config = a_config(a_target("eu"), a_target("us"), queries=(BALANCES, slow))
    outcomes = {
        "balances": success(subscribers("pro", "ok", 1)),
        "slow": success(subscribers("slow", "ok", 2)),
    }
    served = ServedState(config)
    served.snapshot = a_snapshot(config, outcomes)
    began = served.now

    def plans(client: Client) -> list[int]:
        counts = []
        for path in ("/metrics", "/metrics?target=eu"):
            for encoding in ("identity", "gzip"):
                answer = client.get(path, accept_encoding=encoding)
                body = answer.body
                text = gzip.decompress(body) if encoding == "gzip" else body
                counts.append(text.count(b"\ntoken_subscribers{"))
        return counts

    with serving(served) as client:
        assert plans(client) == [4, 4, 2, 2]
        # Three intervals and the time limit after its run.
        served.now = began + seconds(190)
        assert plans(client) == [2, 2, 1, 1]
        served.now = began + timedelta(hours=3, seconds=10)
        assert plans(client) == [0, 0, 0, 0]
        # That it runs no more is seen by the age of the last success.
        text = client.get("/metrics").text
    assert "token_monitor_query_last_success_timestamp_seconds{" in text


def test_targets_are_listed_for_prometheus_to_find(client: Client) -> None:
    answer = client.get("/sd/targets", host="monitor.localhost:8917")
    assert answer.headers["content-type"] == "application/json"
    common = {"__scheme__": "http", "__metrics_path__": "/metrics"}
    assert answer.json == [
        {
            "targets": ["monitor.localhost:8917"],
            "labels": {
                **common,
                "__param_target": "eu",
                "__meta_token_monitor_target": "eu",
                "__meta_token_monitor_label_region": "eu",
            },
        },
        {
            "targets": ["monitor.localhost:8917"],
            "labels": {
                **common,
                "__param_target": "us/öst&x",
                "__meta_token_monitor_target": "us/öst&x",
            },
        },
    ]


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics?target=eu", "/metrics?target=nobody", "/sd/targets"]
)
def test_every_scrape_is_guarded(tmp_path: Path, path: str) -> None:
    file = file_with(tmp_path, users_text(ann="secret"))
    with two_targets(file) as client:
        for method in ("GET", "HEAD"):
            assert client.ask(method, path).status == 401
            wrong = client.ask(method, path, basic("ann", "guess"))
            assert wrong.status == 401
            foreign = client.ask(method, path, {"host": "evil.example.com"})
            assert foreign.status == 421
            right = client.ask(method, path, basic("ann", "secret"))
            assert right.status == (404 if "nobody" in path else 200)
            assert right.headers["x-content-type-options"] == "nosniff"
        assert client.ask("POST", path, basic("ann", "secret")).status == 405
