from __future__ import annotations

import math
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.model.alerts import Alert, AlertState, Notification
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver, Severity, labels_of
from monitor.model.targets import PasswordSource
from monitor.notify.email.settings import EmailSettings
from monitor.notify.test_alert import send_test_alert
from monitor.timing.clock import AnchoredClock
from tests.notify import certificates
from tests.notify.delivering import failure_of, notification, sending
from tests.notify.email.mail_end import MailEnd, Reply, mail_end
from tests.notify.far_end import START, alert, until
from tests.support.servers import free_port

CELL = "border: 1px solid #c0c0c0; padding: 2px 8px; text-align: left"
PRE = '<pre style="white-space: pre-wrap; overflow-wrap: anywhere">'


def bar(color: str) -> str:
    """Return how an alert of this colour begins."""
    style = f"border-left: 4px solid {color}; padding-left: 12px; margin-bottom: 24px"
    return f'<div style="{style}">\n'


def cell(tag: str, text: str) -> str:
    return f'<{tag} style="{CELL}">{text}</{tag}>'


ONE = "oncall@example.com"
TWO = "boss@example.com"
PASSWORD = "pass wörd-s3cret"
KEY = "0123456789abcdef0123456789abcdef"


def mail(server: MailEnd, **options: Any) -> Receiver:
    defaults: dict[str, Any] = {
        "sender": "monitor@example.com",
        "to": (ONE,),
        "tls": "disabled",
    }
    made = EmailSettings("127.0.0.1", server.port, **{**defaults, **options})
    return Receiver("mail", made, timeout=timedelta(seconds=10))


def send(receiver: Receiver, *alerts: Alert, tls: ssl.SSLContext | None = None) -> None:
    with sending(receiver, tls=tls) as email:
        email.send(notification("mail", *alerts, key=KEY), START)


def failure(receiver: Receiver, *, tls: ssl.SSLContext | None = None) -> DeliveryError:
    with sending(receiver, tls=tls) as email:
        return failure_of(email, notification("mail", key=KEY))


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n", encoding="utf-8")
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    file, key = certificates.write(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context, file


def test_the_worst_that_fires_comes_first_however_much_is_before_it() -> None:
    over = [alert(f"p{number}", state=AlertState.RESOLVED) for number in range(60)]
    with mail_end() as server:
        send(mail(server), *over, alert("zebra", severity=Severity.CRITICAL))
        (envelope,) = server.mails
    text = envelope.message.get_body(("plain",))
    assert text is not None
    assert text.get_content().startswith("zebra is low")


def test_the_whole_mail() -> None:
    firing = alert(
        evidence=({"user_id": 7, "balance": None},),
        annotations=(
            ("description", "Nothing is left.\nLook at the refills."),
            ("runbook_url", "https://wiki.example.com/low"),
            ("summary", "pro is low"),
        ),
        severity=Severity.CRITICAL,
    )
    resolved = alert("basic", state=AlertState.RESOLVED, peak=12.0)
    with mail_end() as server:
        send(
            mail(server, sender="token-monitor <monitor@example.com>", to=(ONE, TWO)),
            firing,
            resolved,
        )
        (envelope,) = server.mails
    assert (envelope.sender, envelope.recipients) == ("monitor@example.com", [ONE, TWO])
    message = envelope.message
    headers = {
        name: str(value) for name, value in message.items() if name != "Content-Type"
    }
    assert headers == {
        "Subject": "[critical] Low main: pro is low",
        "From": "token-monitor <monitor@example.com>",
        "To": f"{ONE}, {TWO}",
        "Date": "Sun, 22 Nov 2026 14:00:00 +0000",
        "Message-ID": "<87cde19bb4812ce832f8e067370842ca@example.com>",
        "In-Reply-To": headers["References"],
        "References": headers["References"],
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
    }
    text, html = message.iter_parts()
    links = [
        f"https://monitor.example.com/alerts/{one.fingerprint}"
        for one in (firing, resolved)
    ]
    assert text.get_content() == (
        "pro is low\n"
        "firing, since 2026-11-22 13:58:00 UTC, critical, value 9\n"
        "labels: plan=pro, severity=critical, target=main\n"
        "Nothing is left.\nLook at the refills.\n"
        "evidence:\n"
        "  user_id 7, balance NULL\n"
        f"Alert: {links[0]}\n"
        "Runbook: https://wiki.example.com/low\n"
        "\n"
        "Over after 1m: basic is low\n"
        "resolved after 1m, warning, value 9\n"
        "labels: plan=basic, severity=warning, target=main\n"
        "peak: 12\n"
        f"Alert: {links[1]}\n"
    )
    assert html.get_content() == (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        "<title>[critical] Low main: pro is low</title></head>\n"
        '<body style="font-family: sans-serif">\n'
        f"{bar('#b00020')}"
        '<h3 style="color: #b00020">pro is low</h3>\n'
        "<p>firing, since 2026-11-22 13:58:00 UTC, critical, value 9</p>\n"
        "<p>Nothing is left.\nLook at the refills.</p>\n"
        "<p><code>plan=pro, severity=critical, target=main</code></p>\n"
        '<table style="border-collapse: collapse">\n'
        f"<tr>{cell('th', 'user_id')}{cell('th', 'balance')}</tr>\n"
        f"<tr>{cell('td', '7')}{cell('td', 'NULL')}</tr>\n</table>\n"
        f'<p><a href="{links[0]}">Alert</a> · <a href="https://wiki.example.com/low">Runbook</a></p>\n'
        f"</div>\n{bar('#107040')}"
        '<h3 style="color: #107040">Over after 1m: basic is low</h3>\n'
        "<p>resolved after 1m, warning, value 9</p>\n"
        "<p><code>plan=basic, severity=warning, target=main</code></p>\n"
        f"<p>peak</p>{PRE}12</pre>\n"
        f'<p><a href="{links[1]}">Alert</a></p>\n</div>\n'
        "</body></html>\n"
    )


@pytest.mark.parametrize(
    ("alerts", "more", "subject"),
    [
        ((alert(), alert("basic")), {}, "[warning] Low main (2): pro is low"),
        (
            (alert(), alert("basic")),
            {"is_repeat": True},
            "[warning, still firing] Low main (2): pro is low",
        ),
        (
            (alert(state=AlertState.RESOLVED),),
            {},
            "[resolved] Low main: Over after 1m: pro is low",
        ),
    ],
)
def test_the_subject_says_what_changed(
    alerts: tuple[Alert, ...], more: dict[str, Any], subject: str
) -> None:
    with mail_end() as server, sending(mail(server)) as email:
        email.send(notification("mail", *alerts, key=KEY, **more), START)
        assert server.mails[0].message["Subject"] == subject


def test_each_attempt_is_the_same_mail_and_each_notification_another() -> None:
    with (
        mail_end({"content": [b"451 later\r\n"]}) as server,
        sending(mail(server)) as email,
    ):
        with pytest.raises(DeliveryError):
            email.send(notification("mail", key=KEY), START)
        for key in (KEY, KEY, "other"):
            email.send(notification("mail", key=key), START + timedelta(hours=1))
        one, two, three = server.mails
    assert one.content == two.content
    assert one.message["Message-ID"] != three.message["Message-ID"]
    assert one.message["References"] == three.message["References"]


@pytest.mark.parametrize(
    "text",
    [
        "low\r\nBcc: victim@example.com\r\n\r\nbody",
        "<script>alert(1)</script> & <a href='javascript:x'>",
        "ünïcode — 低い \ud800 \x00 \x1b[31m",
        ".\r\n.\r\nQUIT\r\n",
        "x" * 1_000_000,
    ],
)
def test_hostile_texts_stay_texts(text: str) -> None:
    hostile = alert(annotations=(("description", text), ("summary", text)))
    zone = text.encode(errors="replace").decode()
    hostile = replace(
        hostile,
        value=math.inf,
        evidence=({"note": text},),
        labels=(*hostile.labels, ("zone", zone)),
    )
    sent = Notification(
        "mail", KEY, {"alertname": text, "target": text}, (hostile,), START
    )
    with mail_end() as server, sending(mail(server)) as email:
        email.send(sent, START)
        (envelope,) = server.mails
        until(lambda: "QUIT" in server.commands)
        assert [command.partition(" ")[0] for command in server.commands] == [
            *("EHLO", "MAIL", "RCPT", "DATA", "QUIT")
        ]
    message = envelope.message
    assert len(envelope.content) < 200_000
    assert set(message.keys()) == {
        *(
            "Subject",
            "From",
            "To",
            "Date",
            "Message-ID",
            "In-Reply-To",
            "References",
            "Auto-Submitted",
        ),
        *("MIME-Version", "Content-Type"),
    }
    assert message["To"] == ONE
    assert max(map(len, envelope.content.split(b"\r\n"))) < 998
    plain, html = (part.get_content() for part in message.iter_parts())
    assert "<script" not in html
    tags = set(re.findall(r"<(\w+)", html))
    # None of them makes a program load anything.
    assert tags <= {
        *("html", "head", "meta", "title", "body", "div", "h3", "p", "code", "pre"),
        *("table", "tr", "th", "td", "a"),
    }
    assert "<a href='java" not in html
    assert "value +Inf" in plain
    assert "\x1b" not in plain


def test_many_alerts_are_counted_and_not_all_written() -> None:
    with mail_end() as server:
        send(mail(server), *(alert(f"plan{number}") for number in range(60)))
        plain, html = (
            part.get_content() for part in server.mails[0].message.iter_parts()
        )
    body = html.partition("<body")[2]
    assert plain.count("is low") == body.count("is low") == 50
    assert plain.endswith("\n\nand 10 more\n")


@pytest.mark.parametrize("offers", ["AUTH PLAIN LOGIN", "AUTH LOGIN"])
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_password_goes_over_verified_tls(
    certificate: tuple[ssl.SSLContext, Path], password_file: Path, offers: str, tls: Any
) -> None:
    context, ca_file = certificate
    implicit = tls == "implicit"
    with mail_end(
        tls=context, is_implicit=implicit, offers=(offers,), password=PASSWORD
    ) as server:
        source = PasswordSource(file=password_file)
        send(mail(server, tls=tls, ca_file=ca_file, user="mönitor", password=source))
        (envelope,) = server.mails
    assert envelope.is_secure
    assert envelope.login == ("mönitor", PASSWORD)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_password(
    certificate: tuple[ssl.SSLContext, Path], password_file: Path, tls: Any
) -> None:
    with mail_end(tls=certificate[0], is_implicit=tls == "implicit") as server:
        source = PasswordSource(file=password_file)
        error = failure(mail(server, tls=tls, user="me", password=source))
        assert not any(
            command.startswith(("AUTH", "MAIL")) for command in server.commands
        )
    assert (error.reason, error.recoverable) == ("tls", True)
    assert "self-signed certificate" in error.message


def test_a_server_that_offers_no_starttls_gets_nothing(password_file: Path) -> None:
    with mail_end() as server:
        error = failure(
            mail(
                server,
                tls="starttls",
                user="me",
                password=PasswordSource(file=password_file),
            )
        )
        assert [command.partition(" ")[0] for command in server.commands] == ["EHLO"]
    assert (error.reason, error.recoverable) == ("tls", True)
    assert error.message == f"127.0.0.1:{server.port}: the server offers no STARTTLS"


def test_what_was_said_before_tls_is_forgotten(
    certificate: tuple[ssl.SSLContext, Path],
) -> None:
    context, ca_file = certificate
    early: dict[str, list[Reply]] = {
        "EHLO": [b"250-x\r\n250-AUTH XEVIL\r\n250 STARTTLS\r\n"]
    }
    with mail_end(early, tls=context, offers=("AUTH PLAIN",), password="pw") as server:
        os.environ["TM_TEST_MAIL"] = "pw"
        try:
            source = PasswordSource(env="TM_TEST_MAIL")
            send(
                mail(
                    server, tls="starttls", ca_file=ca_file, user="me", password=source
                )
            )
        finally:
            del os.environ["TM_TEST_MAIL"]
        assert server.mails[0].login == ("me", "pw")


def test_a_ca_file_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with mail_end(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as server:
        error = failure(mail(server, tls="starttls", ca_file=tmp_path / "ca.pem"))
    assert str(error) == f"{tmp_path}/ca.pem: No such file or directory"
    assert (error.reason, error.recoverable) == ("tls", True)


def test_a_wrong_password_is_tried_again_read_again_and_never_repeated(
    password_file: Path,
) -> None:
    password_file.write_text("wrong-s3cret")
    with mail_end(password=PASSWORD) as server:
        receiver = mail(server, user="me", password=PasswordSource(file=password_file))
        error = failure(receiver)
        assert (error.reason, error.recoverable) == ("smtp_535", True)
        place = f"127.0.0.1:{server.port}"
        assert (
            error.message
            == f"{place}: the server does not accept user and password (535)"
        )
        password_file.write_text(PASSWORD, encoding="utf-8")
        send(receiver)
        assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            PasswordSource(file=Path("/nowhere/pw")),
            "/nowhere/pw: No such file or directory",
        ),
        (
            PasswordSource(env="TM_TEST_NOT_SET"),
            "the variable TM_TEST_NOT_SET is not set",
        ),
    ],
)
def test_a_password_that_cannot_be_read_is_tried_again(
    source: PasswordSource, message: str
) -> None:
    with mail_end() as server:
        receiver = mail(server, user="me", password=source)
        error = failure(receiver)
        assert server.commands == []
    assert (error.reason, error.message, error.recoverable) == ("secret", message, True)


def test_a_server_without_a_way_to_log_in_is_said(password_file: Path) -> None:
    with mail_end(offers=("AUTH GSSAPI",)) as server:
        error = failure(
            mail(server, user="me", password=PasswordSource(file=password_file))
        )
    assert (error.reason, error.recoverable) == ("smtp_auth", True)


def test_secrets_that_a_server_echoes_are_hidden(password_file: Path) -> None:
    echo: dict[str, list[Reply]] = {"MAIL": [f"550 user {PASSWORD} no\r\n".encode()]}
    with mail_end(echo) as server:
        error = failure(
            mail(server, user="me", password=PasswordSource(file=password_file))
        )
    assert error.message == f"127.0.0.1:{server.port}: the sender: 550 user <secret> no"


def torn(connection: socket.socket, ended: threading.Event) -> None:
    connection.sendall(b"250")


@pytest.mark.parametrize(
    ("replies", "reason", "is_recoverable"),
    [
        ({"greeting": [b"554 go away\r\n"]}, "smtp_554", True),
        ({"greeting": [b"421 busy\r\n"]}, "smtp_421", True),
        ({"EHLO": [b"502 what\r\n"], "HELO": [b"502 what\r\n"]}, "smtp_502", True),
        ({"MAIL": [b"451 later\r\n"]}, "smtp_451", True),
        ({"MAIL": [b"530 log in first\r\n"]}, "smtp_530", True),
        ({"MAIL": [b"550 not you\r\n"]}, "smtp_550", False),
        ({"RCPT": [b"450 greylisted\r\n"]}, "smtp_450", True),
        ({"RCPT": [b"550 unknown\r\n"]}, "smtp_550", False),
        ({"DATA": [b"452 full\r\n"]}, "smtp_452", True),
        ({"DATA": [b"554 no\r\n"]}, "smtp_554", False),
        ({"content": [b"451 later\r\n"]}, "smtp_451", True),
        ({"content": [b"552-too\r\n552 big\r\n"]}, "smtp_552", False),
        ({"greeting": [b"SSH-2.0-x\r\n"]}, "network", True),
        ({"greeting": [b"x" * 20_000]}, "network", True),
        ({"greeting": [b"220-x\r\n" * 20_000]}, "network", True),
        ({"greeting": [b""]}, "network", True),
        ({"DATA": [b"250 not yet\r\n"]}, "smtp_250", True),
        ({"content": [torn]}, "network", True),
        ({"content": [b""]}, "network", True),
    ],
)
def test_the_answers_say_whether_to_try_again(
    replies: dict[str, list[Reply]], reason: str, is_recoverable: bool
) -> None:
    with mail_end(replies) as server:
        error = failure(mail(server))
        assert (error.reason, error.recoverable) == (reason, is_recoverable)
        assert server.mails == []
        if is_recoverable:
            send(mail(server))
            assert len(server.mails) == 1


def test_an_old_server_that_knows_only_helo_is_greeted_so() -> None:
    with mail_end({"EHLO": [b"502 what\r\n"]}) as server:
        send(mail(server))
        assert len(server.mails) == 1


def test_who_was_accepted_does_not_get_it_again_and_who_was_not_is_reported() -> None:
    three = "three@example.com"
    replies: dict[str, list[Reply]] = {
        f"RCPT TO:<{TWO}": [b"450 later\r\n"],
        f"RCPT TO:<{three}": [b"550 no such user\r\n"],
    }
    with (
        mail_end(replies) as server,
        sending(mail(server, to=(ONE, TWO, three))) as email,
    ):
        with pytest.raises(DeliveryError) as first:
            email.send(notification("mail", key=KEY), START)
        with pytest.raises(DeliveryError) as second:
            email.send(notification("mail", key=KEY), START)
        assert [envelope.recipients for envelope in server.mails] == [[ONE], [TWO]]
        email.send(notification("mail", key="next"), START)
        assert server.mails[2].recipients == [ONE, TWO, three]
    sent = [
        (error.value.reason, error.value.message, error.value.recoverable)
        for error in (first, second)
    ]
    assert sent == [
        ("smtp_450", f"1 of 3 recipients: {TWO}: 450 later", True),
        ("smtp_550", f"1 of 3 recipients: {three}: 550 no such user", False),
    ]


def test_a_mail_is_delivered_whatever_comes_of_the_leave() -> None:
    def stall(connection: socket.socket, ended: threading.Event) -> None:
        ended.wait()

    for reply in (stall, b"500 what\r\n", b""):
        with mail_end({"QUIT": [reply]}) as server:
            began = time.monotonic()
            send(mail(server))
            assert time.monotonic() - began < 8, "the time limit of all is ten seconds"
            assert len(server.mails) == 1


def in_drops(connection: socket.socket, ended: threading.Event) -> None:
    while not ended.wait(0.02):
        connection.sendall(b"2")


def endless(connection: socket.socket, ended: threading.Event) -> None:
    while not ended.wait(0.02):
        connection.sendall(b"250-x\r\n")


def silent(connection: socket.socket, ended: threading.Event) -> None:
    ended.wait()


@pytest.mark.parametrize(
    "stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"]
)
@pytest.mark.parametrize("slow", [in_drops, endless, silent])
def test_a_slow_server_costs_no_more_than_the_time_limit(
    stage: str, slow: Callable[[socket.socket, threading.Event], None]
) -> None:
    with mail_end({stage: [slow]}) as server:
        receiver = replace(mail(server), timeout=timedelta(seconds=0.3))
        began = time.monotonic()
        error = failure(receiver)
        assert 0.25 < time.monotonic() - began < 20
    assert (error.reason, error.recoverable) == ("timeout", True)
    assert error.message == f"127.0.0.1:{server.port}: no answer in time"


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_handshake_that_hangs_ends_in_time(tls: Any) -> None:
    def hang(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(b"220 go on\r\n")
        ended.wait()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    replies: dict[str, list[Reply]] = (
        {"greeting": [silent]} if tls == "implicit" else {"STARTTLS": [hang]}
    )
    with mail_end(replies, tls=context) as server:
        began = time.monotonic()
        assert (
            failure(
                replace(mail(server, tls=tls), timeout=timedelta(seconds=0.3))
            ).reason
            == "timeout"
        )
        assert time.monotonic() - began < 20


def test_a_closed_port_is_refused_and_a_name_that_is_none_is_dns() -> None:
    port = free_port()
    for host, reason, text in (
        ("127.0.0.1", "refused", "connection refused"),
        ("nowhere.invalid", "dns", "the name cannot be resolved"),
        ("x" * 70 + ".invalid", "dns", "the name cannot be resolved"),
    ):
        receiver = Receiver(
            "mail", EmailSettings(host, port, "a@b", ("c@d",), "disabled")
        )
        error = failure(receiver)
        assert (error.reason, error.message) == (reason, f"{host}:{port}: {text}")


def test_aborting_ends_what_is_under_way_at_once() -> None:
    with mail_end({"RCPT": [silent]}) as server, sending(mail(server)) as email:
        errors: list[DeliveryError] = []

        def attempt() -> None:
            with pytest.raises(DeliveryError) as caught:
                email.send(notification("mail", key=KEY), START)
            errors.append(caught.value)

        thread = threading.Thread(target=attempt)
        thread.start()
        until(lambda: any(command.startswith("RCPT") for command in server.commands))
        began = time.monotonic()
        email.abort()
        thread.join()
        assert time.monotonic() - began < 8, "the time limit is ten seconds"
        attempt()
        assert {error.reason for error in errors} == {"network"}
        assert server.mails == []


def test_a_receiver_can_be_tried() -> None:
    with mail_end() as server:
        delivery = send_test_alert(mail(server), AnchoredClock(), "")
        assert delivery.reason == ""
        assert (
            server.mails[0].message["Subject"]
            == "[info] TokenMonitorTest: This is a test of the receiver mail"
        )


LONG_DOMAIN = "alerts.monitoring.production.eu-central-1." * 4 + "internal.example.com"


@pytest.mark.parametrize("domain", ["example.com", LONG_DOMAIN])
def test_ids_are_written_as_they_are_whatever_their_length(domain: str) -> None:
    with mail_end() as server:
        send(mail(server, sender=f"token-monitor <monitor@{domain}>"), alert())
        (envelope,) = server.mails
    head = envelope.content.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode()
    for name in ("Message-ID", "In-Reply-To", "References"):
        (line,) = [line for line in head.splitlines() if line.startswith(f"{name}:")]
        assert re.fullmatch(rf"{name}:\s*<[0-9a-f]{{32}}@{re.escape(domain)}>", line), (
            line
        )


def test_a_long_line_of_sql_is_whole_wraps_on_a_screen_and_fits_the_protocol() -> None:
    sql = (
        "-- first look\nUPDATE users u JOIN user_subscriptions s ON "
        + "s.user_id = u.id AND " * 60
        + "1"
    )
    with mail_end() as server:
        send(
            mail(server),
            replace(alert(), annotations=labels_of({"summary": "low", "repair": sql})),
        )
        (envelope,) = server.mails
    text, html = envelope.message.iter_parts()
    assert f"repair:\n{sql}\n" in text.get_content()
    assert f"{PRE}{sql}</pre>" in html.get_content()
    assert max(map(len, envelope.content.splitlines())) <= 998
