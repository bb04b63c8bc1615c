"""Every secret of a receiver and of the heartbeat is reported before it leaves, so that the log hides it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.model.alerts import Notification
from monitor.model.errors import DeliveryError
from monitor.model.process_settings import HeartbeatSettings
from monitor.model.settings import Receiver
from monitor.model.targets import PasswordSource
from monitor.notify.ping import Ping
from monitor.notify.secrets import read_password
from monitor.notify.slack.settings import SlackSettings
from monitor.notify.transport import Transport
from monitor.notify.webhook.settings import WebhookSettings
from monitor.secrets.reader import SecretReader
from monitor.timing.clock import AnchoredClock
from monitor.timing.deadlines import Watchdog
from tests.notify.delivering import sending
from tests.notify.email.mail_end import mail_end
from tests.notify.far_end import START, FarEnd, alert, far_end, receiver

TOLD = Notification("r", "key", {"alertname": "Low"}, (alert(),), START)


class Heard:
    """Takes what readers tell of, as long as the far end has had nothing."""

    def __init__(self, had: list[object]) -> None:
        self.secrets: set[str] = set()
        self._had = had

    def __call__(self, _place: str, secrets: Iterable[str]) -> None:
        assert not self._had
        self.secrets |= set(secrets)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("s3cret-of-ours\n")
    return path


def receivers(server: FarEnd, file: Path, address: Path) -> dict[str, Receiver]:
    url, secret = f"{server.url}/hook", PasswordSource(file=file)
    return {
        "header": receiver(url, header_files={"X-Team": file}),
        "hmac": receiver(url, hmac_secret=secret),
        "webhook": receiver(url_file=address),
        "slack": receiver(kind="slack", url_file=address),
        "pagerduty": receiver(url, kind="pagerduty", routing_key=secret),
    }


@pytest.mark.parametrize("kind", ["header", "hmac", "webhook", "slack", "pagerduty"])
def test_what_a_receiver_reads_is_reported_before_it_is_sent(
    tmp_path: Path, file: Path, kind: str
) -> None:
    with far_end() as server:
        address = tmp_path / "address"
        address.write_text(f"{server.url}/services/s3cret-of-ours")
        heard = Heard(server.requests)  # type: ignore[arg-type]
        reader = SecretReader(on_read=heard)
        one = receivers(server, file, address)[kind]
        with (
            sending(one, secrets=reader) as sender,
            suppress(DeliveryError),  # PagerDuty would say 202
        ):
            sender.send(TOLD, START)
        assert len(server.requests) == 1
    assert "s3cret-of-ours" in heard.secrets
    assert "services" not in heard.secrets


def test_the_password_of_a_mail_server_is_reported_before_it_is_sent(
    file: Path,
) -> None:
    with mail_end(password="s3cret-of-ours") as server:
        heard = Heard(server.commands)  # type: ignore[arg-type]
        mail = receiver(
            kind="email",
            host="127.0.0.1",
            port=server.port,
            sender="a@example.com",
            to=("b@example.com",),
            tls="disabled",
            user="me",
            password=PasswordSource(file=file),
        )
        with sending(mail, secrets=SecretReader(on_read=heard)) as sender:
            sender.send(TOLD, START)
        assert len(server.mails) == 1
    assert heard.secrets == {"s3cret-of-ours"}


def test_the_address_of_the_heartbeat_is_reported_before_it_is_called(
    watchdog: Watchdog, tmp_path: Path
) -> None:
    with far_end() as server:
        (tmp_path / "address").write_text(f"{server.url}/ping/s3cret-of-ours")
        heard = Heard(server.requests)  # type: ignore[arg-type]
        settings = HeartbeatSettings((), url_file=tmp_path / "address")
        reader = SecretReader(on_read=heard)
        assert (
            Ping(settings, AnchoredClock(), Transport(watchdog, reader))().reason == ""
        )
        assert len(server.requests) == 1
    assert {f"{server.url}/ping/s3cret-of-ours", "s3cret-of-ours"} == heard.secrets - {
        ""
    }


def test_of_the_configuration_only_what_is_secret_is_hidden_and_no_file_is_opened(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "pipe")  # to open it would hang
    pipe = PasswordSource(file=tmp_path / "pipe")
    headers = {"X-Team": "tokens", "Authorization": "Bearer s3cret-one"}
    hook = WebhookSettings(
        "http://h/alerts", None, headers, {"A": tmp_path}, hmac_secret=pipe
    )
    assert hook.secrets() == ["Bearer s3cret-one", "s3cret-one"]
    assert not SlackSettings(url_file=tmp_path / "pipe").secrets()
    chat = SlackSettings("https://h/services/T0SECRET1/word")
    assert set(chat.secrets()) - {""} == {
        "https://h/services/T0SECRET1/word",
        "T0SECRET1",
    }


@pytest.mark.parametrize(
    ("content", "password"), [(" p w \n", " p w "), ("pw\n\n", "pw\n")]
)
def test_white_space_may_be_a_part_of_a_password(
    tmp_path: Path, content: str, password: str
) -> None:
    (tmp_path / "pw").write_text(content)
    assert (
        read_password(PasswordSource(file=tmp_path / "pw"), SecretReader()) == password
    )


@pytest.mark.parametrize(
    ("content", "message"), [(b"\n", "is empty"), (b"\xff", "is no text")]
)
def test_a_mail_password_that_cannot_be_used_is_said_by_its_file(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "pw").write_bytes(content)
    with pytest.raises(DeliveryError) as caught:
        read_password(PasswordSource(file=tmp_path / "pw"), SecretReader())
    assert (caught.value.reason, caught.value.message) == (
        "secret",
        f"{tmp_path}/pw: {message}",
    )
