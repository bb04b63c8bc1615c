"""One conversation with an SMTP server: smtplib's client, within limits that it does not have itself."""

from __future__ import annotations

import base64
import errno
import ipaddress
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Final, TypeAlias

from monitor.model.errors import DeliveryError
from monitor.notify.deadline_socket import DeadlineSocket
from monitor.notify.email.message import address_in
from monitor.notify.email.settings import EmailSettings
from monitor.notify.progress import StepRefusal, Steps
from monitor.notify.secrets import without_secrets

_FULL_NAME: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
# Of all that a server says to one command. RFC 5321 has 512 bytes a line and no number of lines.
_MAX_ANSWER_BYTES: Final = 64 * 1024
# Refusals of who we are (RFC 4954, 6), which a new password ends; other 5xx mean this mail.
_FIXABLE: Final = frozenset({530, 534, 535, 538})

_Reply: TypeAlias = tuple[int, bytes]
"""A code and the words after it."""


class SmtpConnection:
    """One conversation with a server. Refusals are DeliveryErrors, all else is what smtplib raises."""

    def __init__(
        self,
        settings: EmailSettings,
        deadline_socket: DeadlineSocket,
        password: str | None,
    ) -> None:
        self._settings = settings
        self._socket = deadline_socket
        self._password = password
        # Without a name of ours smtplib would ask the name server, for as long as that takes.
        self._smtp = _Smtp(local_hostname=_own_name())

    def enter(self, context: Callable[[], ssl.SSLContext]) -> None:
        """Connect, make it safe as the receiver is configured, and log in."""
        settings, smtp = self._settings, self._smtp
        smtp.sock = self._socket.connect(settings.host, settings.port)
        if settings.tls == "implicit":
            sock = context().wrap_socket(smtp.sock, server_hostname=settings.host)
            smtp.sock = sock
        self._begin()
        if settings.tls == "starttls":
            self._start_tls(context())
        if settings.user is not None and self._password is not None:
            self._log_in(settings.user, self._password)

    def deliver(self, mail: bytes, steps: Steps) -> Sequence[StepRefusal]:
        """Send the mail to all who lack it; return what keeps those who may be tried again."""
        sender = self._smtp.mail(address_in(self._settings.sender))
        self._require(sender, "the sender", is_about_mail=True)
        accepted: list[str] = []
        pending: list[StepRefusal] = []
        for mailbox in self._settings.to:
            if mailbox in steps.done:
                continue
            answer = self._smtp.rcpt(address_in(mailbox))
            if _is_good(answer):
                accepted.append(mailbox)
                continue
            error = self._error(answer, mailbox, is_about_mail=True)
            if error.recoverable:
                pending.append(StepRefusal.of(error))
                continue
            steps.done.add(mailbox)
            steps.refused.append(StepRefusal.of(error))
        if accepted:
            self._send_content(mail)
            steps.done.update(accepted)
        return pending

    def quit(self) -> None:
        """Send QUIT; what is delivered is delivered, whatever comes of it."""
        with suppress(smtplib.SMTPException):
            self._smtp.docmd("QUIT")

    def close(self) -> None:
        """Close the socket."""
        self._smtp.close()

    def _send_content(self, mail: bytes) -> None:
        try:
            answer = self._smtp.data(mail)
        except smtplib.SMTPDataError as error:
            # Whatever its code, it was not the leave to go on.
            words = error.smtp_error
            refused = (
                error.smtp_code,
                words if isinstance(words, bytes) else words.encode(),
            )
            about = f"{self._settings.address}: the mail"
            raise self._error(refused, about, is_about_mail=True) from None
        self._require(answer, "the mail", is_about_mail=True)

    def _begin(self) -> None:
        self._require(self._smtp.getreply(), "the greeting")
        self._greet()

    def _greet(self) -> None:
        answer = self._smtp.ehlo()
        if not _is_good(answer):
            answer = self._smtp.helo()
        self._require(answer, "our greeting")

    def _start_tls(self, context: ssl.SSLContext) -> None:
        smtp = self._smtp
        if not smtp.has_extn("starttls"):
            # Somebody on the way may have taken it out of the answer.
            text = f"{self._settings.address}: the server offers no STARTTLS"
            raise DeliveryError("tls", text, recoverable=True)
        self._require(smtp.docmd("STARTTLS"), "STARTTLS")
        if smtp.sock is not None:
            host = self._settings.host
            smtp.sock = context.wrap_socket(smtp.sock, server_hostname=host)
        # What came before TLS, also what was read ahead, is worth nothing (RFC 3207).
        smtp.file = None
        smtp.helo_resp = smtp.ehlo_resp = None
        smtp.esmtp_features = {}
        self._greet()

    def _log_in(self, user: str, password: str) -> None:
        smtp, address = self._smtp, self._settings.address
        if self._settings.tls == "disabled" and not _is_loopback(smtp.sock):
            text = f"{address}: a password is not sent without TLS beyond this machine"
            raise DeliveryError("tls", text, recoverable=True)
        # smtplib's own knows ASCII only, and repeats the password in the error for any other.
        offered = smtp.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            answer = smtp.docmd("AUTH", f"PLAIN {_base64(_plain(user, password))}")
        elif "LOGIN" in offered:
            answer = smtp.docmd("AUTH", f"LOGIN {_base64(user)}")
            if answer[0] == 334:  # go on: the password is asked for (RFC 4954)
                answer = smtp.docmd(_base64(password))
        else:
            text = f"{address}: the server offers no AUTH PLAIN and no AUTH LOGIN"
            raise DeliveryError("smtp_auth", text, recoverable=True)
        code = answer[0]
        if code != 235:
            # The words of a server that was just given the password are not repeated.
            text = f"{address}: the server does not accept user and password ({code})"
            raise DeliveryError(_reason(code), text, recoverable=True)

    def _require(
        self, answer: _Reply, about: str, *, is_about_mail: bool = False
    ) -> None:
        """Raise DeliveryError for any answer but a good one."""
        if not _is_good(answer):
            about = f"{self._settings.address}: {about}"
            raise self._error(answer, about, is_about_mail=is_about_mail)

    def _error(
        self, answer: _Reply, about: str, *, is_about_mail: bool
    ) -> DeliveryError:
        code, words = answer
        text = without_secrets(words.decode("utf-8", "replace"), self._secrets())
        is_final = is_about_mail and 500 <= code < 600 and code not in _FIXABLE
        return DeliveryError(
            _reason(code), f"{about}: {code} {text}".rstrip(), recoverable=not is_final
        )

    def _secrets(self) -> tuple[str, ...]:
        """Return what a server may repeat of what it was sent."""
        if self._password is None:
            return ()
        return (self._password, _plain(self._settings.user or "", self._password))


class _Smtp(smtplib.SMTP):
    """smtplib's client, which does not listen for ever."""

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Limited(self.sock.makefile("rb"))
        if isinstance(self.file, _Limited):
            self.file.left = _MAX_ANSWER_BYTES
        return super().getreply()


class _Limited:
    """What a server says, up to a limit for each command."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.left = _MAX_ANSWER_BYTES

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self.left -= len(line)
        if self.left < 0:
            raise OSError(errno.EMSGSIZE, "too long an answer")
        # smtplib would take what came before the end of the connection for a whole answer: 2 for 2xx.
        return line if line.endswith(b"\n") or len(line) == most else b""

    def close(self) -> None:
        self._file.close()


def _plain(user: str, password: str) -> str:
    return f"\0{user}\0{password}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _is_good(answer: _Reply) -> bool:
    return 200 <= answer[0] < 300


def _reason(code: int) -> str:
    return f"smtp_{code}" if 200 <= code < 600 else "network"


def _is_loopback(sock: socket.socket | None) -> bool:
    """Return whether the other side is this machine, whatever its name said."""
    if sock is None:
        return False
    address = sock.getpeername()[0].partition("%")[0]
    return ipaddress.ip_address(address).is_loopback


def _own_name() -> str:
    """Return how we greet: a full name, or a literal address where there is none (RFC 5321, 4.1.4)."""
    name = socket.gethostname()
    return name if _FULL_NAME.fullmatch(name) else "[127.0.0.1]"
