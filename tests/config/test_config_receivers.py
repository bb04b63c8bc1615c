"""Receivers as they are read: what each kind has, its defaults, and that no secret is shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.config import load
from monitor.config.receivers import ReceiverTable, read_receiver
from monitor.config.toml.document import read_document
from monitor.config.toml.problems import Problems
from monitor.model.errors import ConfigError
from monitor.model.settings import Receiver, ReceiverSettings, Severity
from monitor.model.targets import PasswordSource
from monitor.notify.alertmanager.settings import AlertmanagerSettings
from monitor.notify.email.settings import EmailSettings
from monitor.notify.kinds import KINDS
from monitor.notify.pagerduty.settings import PagerdutySettings
from monitor.notify.slack.settings import SlackSettings
from monitor.notify.webhook.settings import WebhookSettings

_TOP = """
shipped_queries = false
[targets.main]
unix_socket = "/s"
user = "u"
database = "d"
labels = { plan = "pro", is_new = "1" }
[receivers.r]
"""


def read(folder: Path, text: str) -> Receiver:
    path = folder / "config.toml"
    path.write_text(_TOP + text, encoding="utf-8")
    (receiver,) = load(path, {}, KINDS).receivers
    return receiver


def settings_of(folder: Path, text: str) -> ReceiverSettings:
    return read(folder, text).settings


def webhook(folder: Path, text: str) -> WebhookSettings:
    settings = settings_of(folder, text)
    assert isinstance(settings, WebhookSettings)
    return settings


def email(folder: Path, text: str) -> EmailSettings:
    settings = settings_of(folder, text)
    assert isinstance(settings, EmailSettings)
    return settings


def problems(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return str(caught.value)


def test_a_webhook_with_all_it_can_have(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text('{"x": {{ status | tojson }}}')
    assert read(
        tmp_path,
        """
        kind = "webhook"
        url_file = "secrets/url"
        headers = { X-Team = "ops", X_Unit = "1" }
        header_files = { Authorization = "secrets/token" }
        hmac_secret_env = "HMAC"
        template_file = "body.json"
        content_type = "application/cloudevents+json"
        repeat_interval = "30m"
        min_severity = "warning"
        match = { plan = "pro", is_new = true }
        send_resolved = false
        watchdog = true
        timeout = "3s"
        """,
    ) == Receiver(
        "r",
        WebhookSettings(
            url_file=tmp_path / "secrets/url",
            headers={"X-Team": "ops", "X_Unit": "1"},
            header_files={"Authorization": tmp_path / "secrets/token"},
            hmac_secret=PasswordSource(env="HMAC"),
            template='{"x": {{ status | tojson }}}',
            content_type="application/cloudevents+json",
        ),
        min_severity=Severity.WARNING,
        match=(("is_new", "1"), ("plan", "pro")),
        send_resolved=False,
        watchdog=True,
        timeout=timedelta(seconds=3),
        repeat_interval=timedelta(minutes=30),
    )


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("kind = 'webhook'\nurl = 'http://h/'", WebhookSettings("http://h/")),
        ("kind = 'slack'\nurl = 'http://h/'", SlackSettings("http://h/")),
        (
            "kind = 'alertmanager'\nurls = ['http://h/']",
            AlertmanagerSettings(("http://h/",)),
        ),
    ],
)
def test_what_is_not_said_has_its_default(
    tmp_path: Path, text: str, settings: ReceiverSettings
) -> None:
    receiver = read(tmp_path, text)
    assert receiver == Receiver("r", settings)
    assert receiver.repeat_interval == timedelta(hours=4)


def test_files_are_beside_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "secrets/url"
    for kind, settings in (
        ("webhook", WebhookSettings(url_file=file)),
        ("slack", SlackSettings(url_file=file)),
    ):
        text = f'kind = "{kind}"\nurl_file = "secrets/url"'
        assert read(tmp_path, text) == Receiver("r", settings)


def test_a_secret_to_sign_with_may_be_a_file(tmp_path: Path) -> None:
    text = 'kind = "webhook"\nurl = "http://h/"\nhmac_secret_file = "secrets/hmac"'
    source = PasswordSource(file=tmp_path / "secrets/hmac")
    assert webhook(tmp_path, text).hmac_secret == source


def test_a_receiver_with_a_problem_is_none(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        'kind = "slack"\nurl = "http://h/"\ntimeout = "0s"\n', encoding="utf-8"
    )
    found = Problems()
    section = read_document(path, path.name, found)
    assert section is not None
    assert read_receiver("r", ReceiverTable(section, tmp_path, found), KINDS) is None
    assert [problem.message for problem in found.in_order()] == [
        "is out of range; allowed: 1ms to 5m"
    ]


def test_never_to_repeat_is_zero(tmp_path: Path) -> None:
    assert read(
        tmp_path, 'kind = "slack"\nurl = "http://h/"\nrepeat_interval = "0s"'
    ).repeat_interval == (timedelta(0))


def test_pagerduty_has_the_public_address_unless_another_is_given(
    tmp_path: Path,
) -> None:
    text = 'kind = "pagerduty"\nrouting_key_file = "key"\n'
    source = PasswordSource(file=tmp_path / "key")
    public = "https://events.pagerduty.com/v2/enqueue"
    assert settings_of(tmp_path, text) == PagerdutySettings(source, public)
    for url in (
        "https://events.eu.pagerduty.com/v2/enqueue",
        "http://127.0.0.1:8000/x",
        "http://localhost/",
    ):
        given = settings_of(tmp_path, f'{text}url = "{url}"')
        assert given == PagerdutySettings(source, url)
    by_variable = settings_of(tmp_path, 'kind = "pagerduty"\nrouting_key_env = "KEY"')
    assert by_variable == PagerdutySettings(PasswordSource(env="KEY"))


@pytest.mark.parametrize(
    ("text", "tls", "port"),
    [
        ('host = "mail.example.com"', "starttls", 587),
        ('host = "mail.example.com"\ntls = "implicit"', "implicit", 465),
        ('host = "mail.example.com"\ntls = "disabled"', "disabled", 25),
        ('host = "127.0.0.1"', "disabled", 25),
        ('host = "::1"', "disabled", 25),
        ('host = "localhost"\nport = 2525', "disabled", 2525),
        ('host = "localhost"\ntls = "starttls"', "starttls", 587),
    ],
)
def test_how_mail_is_protected_follows_from_where_it_goes(
    tmp_path: Path, text: str, tls: str, port: int
) -> None:
    mail = email(tmp_path, f'kind = "email"\nfrom = "a@b.c"\nto = ["d@e.f"]\n{text}')
    assert (mail.tls, mail.port) == (tls, port)


def test_mail_with_all_it_can_have(tmp_path: Path) -> None:
    assert email(
        tmp_path,
        """
        kind = "email"
        host = "mail.example.com"
        port = 2587
        from = "token-monitor <monitor@example.com>"
        to = ["oncall@example.com", "Ops Team <ops+tokens@example.com>"]
        tls = "starttls"
        ca_file = "ca.pem"
        user = "monitor"
        password_file = "secrets/mail"
        """,
    ) == EmailSettings(
        "mail.example.com",
        2587,
        "token-monitor <monitor@example.com>",
        ("oncall@example.com", "Ops Team <ops+tokens@example.com>"),
        tls="starttls",
        ca_file=tmp_path / "ca.pem",
        user="monitor",
        password=PasswordSource(file=tmp_path / "secrets/mail"),
    )


def test_a_password_may_go_without_tls_on_this_machine_only(tmp_path: Path) -> None:
    text = 'kind = "email"\nfrom = "a@b.c"\nto = ["d@e.f"]\nuser = "u"\npassword_env = "P"\n'
    assert email(tmp_path, f'{text}host = "localhost"').tls == "disabled"
    assert "not sent without TLS" in problems(
        tmp_path, f'{text}host = "10.0.0.1"\ntls = "disabled"'
    )


def test_no_address_and_no_header_is_in_what_is_shown_of_a_configuration(
    tmp_path: Path,
) -> None:
    for text in (
        'kind = "webhook"\nurl = "https://me:s3cret@h/s3cret"\nheaders = { X = "s3cret" }\n'
        'template = "s3cret"\ncontent_type = "text/plain"',
        'kind = "slack"\nurl = "https://h/services/s3cret"',
        'kind = "alertmanager"\nurls = ["https://me:s3cret@h/"]',
    ):
        read(tmp_path, text)
        assert "s3cret" not in repr(load(tmp_path / "config.toml", {}, KINDS))


def test_a_template_is_read_again_with_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "body").write_text("{{ status }}")
    text = 'kind = "webhook"\nurl = "http://h/"\ntemplate_file = "body"\ncontent_type = "text/plain"'
    first = webhook(tmp_path, text)
    (tmp_path / "body").write_text("now {{ status }}")
    assert (first.template, webhook(tmp_path, text).template) == (
        "{{ status }}",
        "now {{ status }}",
    )
    (tmp_path / "body").write_bytes(b"\xff")
    assert problems(tmp_path, text).endswith('template_file: "body" is not UTF-8 text')
    (tmp_path / "body").write_text("x" * 100_000)
    assert webhook(tmp_path, text).template == "x" * 100_000
    (tmp_path / "body").write_text("x" * 100_001)
    assert problems(tmp_path, text).endswith(
        '"body" is too long; allowed: 100,000 characters'
    )


def test_of_a_template_that_is_too_long_no_more_is_read(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"x" * 1_000_000 + b"\xff")
    text = 'kind = "webhook"\nurl = "http://h/"\ntemplate_file = "body"\ncontent_type = "text/plain"'
    assert problems(tmp_path, text).endswith(
        '"body" is too long; allowed: 100,000 characters'
    )


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain; charset=utf-8",
        "text/plain; charset=utf-8;format=flowed",
        "a.b/c+d-e",
    ],
)
def test_a_media_type_may_have_parameters(tmp_path: Path, content_type: str) -> None:
    text = f'kind = "webhook"\nurl = "http://h/"\ntemplate = "x"\ncontent_type = "{content_type}"'
    assert webhook(tmp_path, text).content_type == content_type


@pytest.mark.parametrize("host", ["mail_1.example.com", "2001:db8::1"])
def test_a_mail_server_may_be_a_name_or_an_address(tmp_path: Path, host: str) -> None:
    text = f'kind = "email"\nfrom = "a@b.c"\nto = ["d@e.f"]\nhost = "{host}"'
    assert email(tmp_path, text).host == host


def test_a_template_must_give_json_where_that_is_what_is_sent(tmp_path: Path) -> None:
    text = 'kind = "webhook"\nurl = "http://h/"\ntemplate = "{{ commonAnnotations.summary }}"\n'
    assert "the template: gives no JSON" in problems(tmp_path, text)
    assert (
        webhook(tmp_path, text + 'content_type = "text/plain"').template
        == "{{ commonAnnotations.summary }}"
    )
