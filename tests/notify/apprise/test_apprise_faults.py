"""Five services of Apprise before every fault: nothing is lost, and twice comes only what may have been taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notify.apprise.services import STUBS, AppriseStub
from tests.notify.far_end import Answer, Reported, status, until
from tests.notify.services import by_header
from tests.notify.test_faults_services import FAULTS, NEVER, PAGE, SHORT, told
from tests.support.servers import free_port

# Of these nobody can know whether the message was taken before the connection ended.
UNCLEAR = ("network", "timeout")


@pytest.fixture(params=STUBS)
def stub(request: pytest.FixtureRequest) -> AppriseStub:
    return STUBS[request.param]


def fault_of(name: str) -> Answer:
    if FAULTS[name].reason == "http_429":
        return by_header(1)
    return FAULTS[name].answer(None)  # type: ignore[arg-type]  # the same of every service


def require_no_secret(stub: AppriseStub, reported: Reported) -> None:
    for delivery in reported.deliveries:
        for secret in stub.secrets:
            assert secret not in delivery.message


@pytest.mark.parametrize("name", set(FAULTS) - {"429 in its own way"})
def test_what_a_service_does_not_take_at_first_it_gets_once_and_in_order(
    stub: AppriseStub, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, reported = FAULTS[name], Reported()
    more = 'timeout = "3s"' if fault.more == SHORT else fault.more
    with stub.stub(fault_of(name), patch=monkeypatch) as server:
        one = stub.receiver(server, tmp_path, more)
        with told(one, reported) as state:
            until(lambda: not state.outbox() and len(reported.deliveries) > 2)
        messages = [each for each in server.requests if stub.is_message(each)]
    reasons = reported.reasons("r")
    expected = "maybe_delivered" if fault.reason in UNCLEAR else fault.reason
    assert set(reasons) == {expected, ""}
    assert reasons.count("") == 2
    # The first of them had the fault.
    ends = ["resolved" in stub.require(each) for each in messages[1:]]
    ends = ends or [False]
    if stub.name == "Splunk On-Call":
        ends = [stub.require(each).startswith("RECOVERY") for each in messages[1:]]
    assert (ends[0], ends[-1]) == (False, True)
    assert len(ends) == 2 or fault.more
    assert messages[1].at - messages[0].at >= fault.seconds
    require_no_secret(stub, reported)


def test_a_service_that_refuses_connections_gets_everything_when_it_is_back(
    stub: AppriseStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported, port = Reported(), free_port()
    with stub.stub(patch=monkeypatch, port=port) as server:
        one = stub.receiver(server, tmp_path)
    with told(one, reported) as state:
        until(lambda: reported.deliveries)
        with stub.stub(patch=monkeypatch, port=port) as server:
            until(lambda: not state.outbox())
            messages = [each for each in server.requests if stub.is_message(each)]
    assert len(messages) == 2
    assert set(reported.reasons("r")) == {"refused", ""}
    require_no_secret(stub, reported)


@pytest.mark.parametrize("name", NEVER)
def test_what_a_service_refuses_for_good_is_given_up_and_holds_up_nothing(
    stub: AppriseStub, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported = Reported()
    answer = status(NEVER[name], body=b"bad body")
    with stub.stub(answer, patch=monkeypatch) as server:
        with told(stub.receiver(server, tmp_path), reported) as state:
            until(lambda: not state.outbox() and len(reported.deliveries) > 1)
        messages = [each for each in server.requests if stub.is_message(each)]
    first = reported.deliveries[0]
    assert first.reason == f"http_{name}"
    assert "bad body" in first.message
    # Signal's has 400 for a line to Signal that is down, too.
    is_tried_again = stub.name == "Signal" and name == "400"
    assert first.recoverable is is_tried_again
    assert len(messages) == (3 if is_tried_again else 2)


def test_a_page_in_place_of_the_answer_is_what_the_library_takes_it_for(
    stub: AppriseStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported = Reported()
    with (
        stub.stub(PAGE, patch=monkeypatch) as server,
        told(stub.receiver(server, tmp_path), reported) as state,
    ):
        until(lambda: not state.outbox() and len(reported.deliveries) > 1)
    failed = ["http_200"] if stub.name == "Matrix" else []
    assert reported.reasons("r") == [*failed, "", ""]
