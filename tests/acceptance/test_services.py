"""Every service at the end of the real program: it is told of both ends, and no secret of it is shown anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.acceptance.program import Daemon, run_command, running, wait_until
from tests.acceptance.single_value import SingleValue
from tests.notify.far_end import FarEnd, status
from tests.notify.services import SERVICES, Service


def table(service: Service, url: str, folder: Path) -> str:
    """Write the receiver's table, and its files into a folder of its own."""
    (folder / service.kind).mkdir()
    keys = service.table(url, folder / service.kind)
    keys = keys.replace('_file = "', f'_file = "{service.kind}/')
    return f"[receivers.{service.kind}]\n{keys}\n"


@contextmanager
def stubs(folder: Path) -> Iterator[tuple[Mapping[str, FarEnd], str]]:
    """Run all services, each of which refuses the first request and repeats what is secret of it."""
    with ExitStack() as stack:
        ends = {}
        tables = []
        for kind, service in SERVICES.items():
            echo = " ".join((service.path, *service.secrets)).encode()
            ends[kind] = stack.enter_context(service.stub(status(403, body=echo)))
            tables.append(table(service, ends[kind].url, folder))
        yield ends, "\n".join(tables)


def everything_shown(daemon: Daemon) -> str:
    """Return what anybody can read of the daemon."""
    paths = ("/", "/metrics", "/api/v1/alerts", "/api/v1/history", "/healthz")
    return "\n".join([*daemon.raw, *(daemon.get(path)[1] for path in paths)])


def test_every_service_is_told_of_both_ends_and_no_secret_is_shown(
    single_value: SingleValue, folder: Path
) -> None:
    with (
        stubs(folder) as (ends, tables),
        running(single_value.config(tables)) as daemon,
    ):
        daemon.wait_for("run.finished")
        single_value.set(1)
        for kind in SERVICES:
            failed = daemon.wait_for("delivery.failed", receiver=kind, seconds=60)
            assert failed["reason"] == "http_403"
            daemon.wait_for("delivery.succeeded", receiver=kind, seconds=60)
        while_failing = everything_shown(daemon)
        single_value.set(0)
        for end in ends.values():
            wait_until(
                lambda end=end: len(end.requests) == 3,  # type: ignore[misc]
                seconds=60,
                why="the end",
            )
        for kind, service in SERVICES.items():
            refused, firing, over = ends[kind].requests
            for request in (refused, firing, over):
                service.require(request)
            said = [b"resolve" in one.body for one in (refused, firing, over)]
            assert said == [False, False, True], kind
        shown = while_failing + everything_shown(daemon)
    for service in SERVICES.values():
        for secret in service.secrets:
            assert secret not in shown, service.kind


@pytest.mark.parametrize("kind", sorted(set(SERVICES) - {"slack", "pagerduty"}))
def test_every_service_can_be_tried(
    single_value: SingleValue, folder: Path, kind: str
) -> None:
    service = SERVICES[kind]
    with service.stub(status(401, body=" ".join(service.secrets).encode())) as end:
        config = single_value.config(table(service, end.url, folder))
        arguments = ("notify", "--test", kind, "--config", str(config))
        refused = run_command(*arguments)
        assert refused.returncode == 1
        beginning = f"{kind} did not take it: http_401: HTTP 401: <secret>"
        assert refused.stderr.startswith(beginning)
        taken = run_command(*arguments)
        assert (taken.returncode, taken.stderr) == (0, "")
        service.require(end.requests[-1])
