"""Every kind of receiver at the end of the real program: told of both ends, with secrets that are mended."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.program import run_command, running, wait_until
from tests.acceptance.single_value import ALERT, SingleValue, a_schema
from tests.notify.email.mail_end import MailEnd, mail_end
from tests.notify.far_end import Answer, FarEnd, far_end, status

ROUTING_KEY = "R0123456789ABCDEF0123456789S3CRET"[:32]
SECRETS = {
    "slack": "/services/T0/B0/slackS3cretPath",
    "pager": ROUTING_KEY,
    "mail": "mailS3cretPassword",
    "token": "Bearer tokenS3cret",
    "hmac": "hmacS3cretSigning",
}
TEMPLATE = (
    """'{"id": {{ alerts[0].fingerprint | tojson }}, "state": {{ status | tojson }}}'"""
)


def echo(*names: str) -> Answer:
    """Refuse, and repeat what was sent."""
    return status(403, body=" ".join(SECRETS[name] for name in names).encode())


class Ends:
    """The far ends of all receivers, and the files with their secrets, wrong at first."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.slack: FarEnd = stack.enter_context(far_end(echo("slack")))
        self.pager: FarEnd = stack.enter_context(
            far_end(echo("pager"), *[status(202)] * 9)
        )
        self.hook: FarEnd = stack.enter_context(far_end(echo("token", "hmac")))
        self.mail: MailEnd = stack.enter_context(mail_end(password=SECRETS["mail"]))
        self._folder = folder
        for name, secret in SECRETS.items():
            self._write(name, secret)
        self._write("slack", f"{self.slack.url}{SECRETS['slack']}")
        self._write("mail", "wrongS3cretPassword")

    def mend(self) -> None:
        self._write("mail", SECRETS["mail"])

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(f"{text}\n", encoding="utf-8")

    @property
    def config(self) -> str:
        return f"""
            [receivers.chat]
            kind = "slack"
            url_file = "slack"
            [receivers.pager]
            kind = "pagerduty"
            routing_key_file = "pager"
            url = "{self.pager.url}/v2/enqueue"
            [receivers.mail]
            kind = "email"
            host = "127.0.0.1"
            port = {self.mail.port}
            from = "monitor@example.com"
            to = ["oncall@example.com"]
            user = "monitor"
            password_file = "mail"
            [receivers.hook]
            kind = "webhook"
            url = "{self.hook.url}/hook"
            header_files = {{ Authorization = "token" }}
            hmac_secret_file = "hmac"
            template = {TEMPLATE}
            """


def test_every_kind_is_notified_of_both_ends_and_no_secret_is_shown_to_the_log(
    mariadb: PrivateMariaDB, folder: Path
) -> None:
    with ExitStack() as stack:
        single_value = SingleValue(
            mariadb, stack.enter_context(a_schema(mariadb)), folder
        )
        ends = Ends(stack, folder)
        daemon = stack.enter_context(running(single_value.config(ends.config)))
        daemon.wait_for("run.finished")
        single_value.set(1)
        assert (
            daemon.wait_for("delivery.failed", receiver="mail")["reason"] == "smtp_535"
        )
        for name in ("chat", "pager", "hook"):
            assert (
                daemon.wait_for("delivery.failed", receiver=name)["reason"]
                == "http_403"
            )
        ends.mend()  # no reload, no restart
        for name in ("chat", "pager", "hook", "mail"):
            daemon.wait_for("delivery.succeeded", receiver=name, seconds=60)
        single_value.set(0)
        wait_until(
            lambda: len(ends.mail.mails) == 2, seconds=60, why="the mail of the end"
        )
        for end in (ends.slack, ends.pager, ends.hook):
            wait_until(
                lambda end=end: len(end.requests) == 3,  # type: ignore[misc]
                seconds=60,
                why="the end",
            )
        log = "\n".join(daemon.raw)
    titles = [f"[critical] {ALERT} main: ", f"[resolved] {ALERT} main: Over after "]
    reported = [request.json["text"] for request in ends.slack.requests[1:]]
    subjects = [str(envelope.message["Subject"]) for envelope in ends.mail.mails]
    for said in (reported, subjects):
        for text, title in zip(said, titles, strict=True):
            assert text.startswith(title)
    assert [request.json["event_action"] for request in ends.pager.requests[1:]] == [
        "trigger",
        "resolve",
    ]
    assert [request.json["state"] for request in ends.hook.requests[1:]] == [
        "firing",
        "resolved",
    ]
    keys = {request.json["dedup_key"] for request in ends.pager.requests}
    assert keys == {request.json["id"] for request in ends.hook.requests}
    assert {request.headers["authorization"] for request in ends.hook.requests} == {
        SECRETS["token"]
    }
    for secret in (*SECRETS.values(), "tokenS3cret", "wrongS3cretPassword"):
        assert secret not in log


@pytest.mark.parametrize("name", ["chat", "pager", "mail", "hook"])
def test_every_kind_can_be_tried(
    mariadb: PrivateMariaDB, folder: Path, name: str
) -> None:
    with ExitStack() as stack:
        single_value = SingleValue(
            mariadb, stack.enter_context(a_schema(mariadb)), folder
        )
        ends = Ends(stack, folder)
        arguments = (
            "notify",
            "--test",
            name,
            "--config",
            str(single_value.config(ends.config)),
        )
        refused = run_command(*arguments)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"{name} did not take it: ")
        for secret in (*SECRETS.values(), "wrongS3cretPassword"):
            assert secret not in refused.stderr
        ends.mend()
        taken = run_command(*arguments)
        assert (taken.returncode, taken.stderr) == (0, "")
