"""Send a mail for each notification through one SMTP server."""

from __future__ import annotations

import base64
import errno
import ipaddress
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import IO, Final

from monitor.model.alerts import Notification
from monitor.model.errors import DeliveryError
from monitor.model.settings import Mail, Receiver
from monitor.notify.deadline_socket import Guard
from monitor.notify.mail import address_in, mail_of
from monitor.notify.progress import Progress, Steps
from monitor.notify.secrets import read_password, without_secrets
from monitor.notify.transport import Means

_QUIT_SECONDS: Final = 1.0
_FULL_NAME: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_MOST_BYTES: Final = 64 * 1024
"""Of all that a server says to one command."""
_MENDABLE: Final = frozenset({530, 534, 535, 538})
"""Refusals of who we are, which a new password ends; other 5xx mean this mail."""


class Email:
    """The sender of one receiver of this kind.

    A retry goes only to recipients who were not accepted before; after a restart to all again, with
    the same Message-ID.
    """

    def __init__(self, receiver: Receiver, means: Means, *, external_url: str) -> None:
        if receiver.mail is None:
            raise ValueError(f"receiver {receiver.name}: no mail server")
        self._mail = receiver.mail
        self._reader = means.secrets
        self._timeout_seconds = receiver.timeout.total_seconds()
        self._external_url = external_url
        self._tls = means.tls
        self._guard = Guard(means.watchdog)
        self._progress = Progress()

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt at all recipients who do not have it, within the receiver's timeout."""
        mail = self._mail
        message = mail_of(
            notification, mail, external_url=self._external_url
        ).as_bytes()
        password = (
            None
            if mail.password is None
            else read_password(mail.password, self._reader)
        )
        steps = self._progress.of(notification.key)
        pending = self._attempt(message, password, steps)
        if pending:
            raise _told(pending, len(mail.to), recoverable=True)
        self._progress.end(notification.key)
        if steps.refused:
            raise _told(steps.refused, len(mail.to), recoverable=False)

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._guard.cut_for_good()

    def close(self) -> None:
        """Let the socket go; no connection outlasts an attempt."""
        self._guard.release()

    def _attempt(self, message: bytes, password: str | None, steps: Steps) -> list[str]:
        """Send to who lacks it; gives what keeps the others, who may be tried again."""
        mail = self._mail
        deadline = time.monotonic() + self._timeout_seconds
        connection = _Connection(mail, self._guard, _secrets(mail, password))
        try:
            with self._guard.within(self._timeout_seconds):
                try:
                    connection.enter(self._context, password)
                    pending = connection.deliver(message, steps)
                except (OSError, smtplib.SMTPException, ValueError) as error:
                    raise self._failure(error) from None
            seconds = min(_QUIT_SECONDS, deadline - time.monotonic())
            with self._guard.within(max(seconds, 0.01)), suppress(OSError, ValueError):
                connection.quit()
        finally:
            connection.close()
            self._guard.release()
        return pending

    def _context(self) -> ssl.SSLContext:
        if self._mail.ca_file is None:
            self._tls = self._tls or ssl.create_default_context()
            return self._tls
        try:
            return ssl.create_default_context(cafile=str(self._mail.ca_file))
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or type(error).__name__
            raise DeliveryError(
                "tls", f"{self._mail.ca_file}: {words}", recoverable=True
            ) from None

    def _failure(self, error: Exception) -> DeliveryError:
        # smtplib says only that the connection ended, and keeps the reason to itself; its errors are
        # OSErrors too.
        cause: BaseException | None = error
        if isinstance(error, smtplib.SMTPException):
            cause = error.__context__
            if not isinstance(cause, OSError) or isinstance(
                cause, smtplib.SMTPException
            ):
                is_end = isinstance(error, smtplib.SMTPServerDisconnected)
                cause = OSError(
                    0, "the connection was closed" if is_end else "this is no SMTP"
                )
        failure = cause if isinstance(cause, Exception) else error
        return self._guard.failure(failure, f"{self._mail.host}:{self._mail.port}")


class _Connection:
    """One conversation with a server. Refusals are DeliveryErrors, all else is what smtplib raises."""

    def __init__(self, mail: Mail, guard: Guard, secrets: Sequence[str]) -> None:
        self._mail = mail
        self._guard = guard
        self._secrets = secrets
        # Without a name of ours smtplib would ask the name server, for as long as that takes.
        self._smtp = _Smtp(local_hostname=_own_name())

    def enter(
        self, context: Callable[[], ssl.SSLContext], password: str | None
    ) -> None:
        """Connect, make it safe as the receiver wants it, and log in."""
        mail, smtp = self._mail, self._smtp
        smtp.sock = self._guard.connect(mail.host, mail.port)
        if mail.tls == "implicit":
            smtp.sock = context().wrap_socket(smtp.sock, server_hostname=mail.host)
        self._require(smtp.getreply(), "the greeting")
        self._greet()
        if mail.tls == "starttls":
            self._start_tls(context())
        if mail.user is not None and password is not None:
            self._log_in(mail.user, password)

    def deliver(self, message: bytes, steps: Steps) -> list[str]:
        """Send the mail to all who lack it; gives what keeps those who may be tried again."""
        mail, smtp = self._mail, self._smtp
        self._require(
            smtp.mail(address_in(mail.sender)), "the sender", is_about_mail=True
        )
        accepted, pending = [], []
        for mailbox in mail.to:
            if mailbox in steps.done:
                continue
            error = self._refusal(
                smtp.rcpt(address_in(mailbox)), mailbox, is_about_mail=True
            )
            if error is None:
                accepted.append(mailbox)
            elif error.recoverable:
                pending.append(f"{error.reason}: {error.message}")
            else:
                steps.done.add(mailbox)
                steps.refused.append(f"{error.reason}: {error.message}")
        if accepted:
            try:
                answer = smtp.data(message)
            except smtplib.SMTPDataError as error:
                # Whatever its code, it was not the leave to go on.
                refused = (error.smtp_code, _bytes(error.smtp_error))
                raise self._error(
                    refused, f"{self._place}: the mail", is_about_mail=True
                ) from None
            self._require(answer, "the mail", is_about_mail=True)
            steps.done.update(accepted)
        return pending

    def quit(self) -> None:
        """Take leave; what is delivered is delivered, whatever comes of it."""
        with suppress(smtplib.SMTPException):
            self._smtp.docmd("QUIT")

    def close(self) -> None:
        """Close the socket."""
        self._smtp.close()

    def _greet(self) -> None:
        answer = self._smtp.ehlo()
        if not _is_good(answer[0]):
            answer = self._smtp.helo()
        self._require(answer, "our greeting")

    def _start_tls(self, context: ssl.SSLContext) -> None:
        smtp = self._smtp
        if not smtp.has_extn("starttls"):
            # Somebody on the way may have taken it out of the answer.
            raise DeliveryError(
                "tls", f"{self._place}: the server offers no STARTTLS", recoverable=True
            )
        self._require(smtp.docmd("STARTTLS"), "STARTTLS")
        if smtp.sock is not None:
            smtp.sock = context.wrap_socket(smtp.sock, server_hostname=self._mail.host)
        # What came before TLS, also what was read ahead, is worth nothing (RFC 3207).
        smtp.file = None
        smtp.helo_resp = smtp.ehlo_resp = None
        smtp.esmtp_features = {}
        self._greet()

    def _log_in(self, user: str, password: str) -> None:
        smtp = self._smtp
        if self._mail.tls == "disabled" and not _is_loopback(smtp.sock):
            text = (
                f"{self._place}: a password is not sent without TLS beyond this machine"
            )
            raise DeliveryError("tls", text, recoverable=True)
        # smtplib's own knows ASCII only, and repeats the password in the error for any other.
        offered = smtp.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            answer = smtp.docmd("AUTH", f"PLAIN {_base64(_plain(user, password))}")
        elif "LOGIN" in offered:
            answer = smtp.docmd("AUTH", f"LOGIN {_base64(user)}")
            if answer[0] == 334:
                answer = smtp.docmd(_base64(password))
        else:
            text = f"{self._place}: the server offers no AUTH PLAIN and no AUTH LOGIN"
            raise DeliveryError("smtp_auth", text, recoverable=True)
        if answer[0] != 235:
            # The words of a server that was just told the password are not repeated.
            text = f"{self._place}: the server does not accept user and password ({answer[0]})"
            raise DeliveryError(_reason(answer[0]), text, recoverable=True)

    @property
    def _place(self) -> str:
        return f"{self._mail.host}:{self._mail.port}"

    def _require(
        self, answer: tuple[int, bytes], about: str, *, is_about_mail: bool = False
    ) -> None:
        error = self._refusal(
            answer, f"{self._place}: {about}", is_about_mail=is_about_mail
        )
        if error is not None:
            raise error

    def _refusal(
        self, answer: tuple[int, bytes], about: str, *, is_about_mail: bool
    ) -> DeliveryError | None:
        return (
            None
            if _is_good(answer[0])
            else self._error(answer, about, is_about_mail=is_about_mail)
        )

    def _error(
        self, answer: tuple[int, bytes], about: str, *, is_about_mail: bool
    ) -> DeliveryError:
        code, words = answer
        text = without_secrets(words.decode("utf-8", "replace"), self._secrets)
        is_final = is_about_mail and 500 <= code < 600 and code not in _MENDABLE
        return DeliveryError(
            _reason(code), f"{about}: {code} {text}".rstrip(), recoverable=not is_final
        )


class _Smtp(smtplib.SMTP):
    """smtplib's client, which does not listen for ever."""

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Limited(self.sock.makefile("rb"))
        if isinstance(self.file, _Limited):
            self.file.left = _MOST_BYTES
        return super().getreply()


class _Limited:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.left = _MOST_BYTES

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self.left -= len(line)
        if self.left < 0:
            raise OSError(errno.EMSGSIZE, "too long an answer")
        # smtplib would take what came before the end of the connection for a whole answer: 2 for 2xx.
        return line if line.endswith(b"\n") or len(line) == most else b""

    def close(self) -> None:
        self._file.close()


def _told(texts: Sequence[str], recipients: int, *, recoverable: bool) -> DeliveryError:
    reason, _, message = texts[0].partition(": ")
    told = (
        message
        if recipients == 1
        else f"{len(texts)} of {recipients} recipients: {message}"
    )
    return DeliveryError(reason, told, recoverable=recoverable)


def _secrets(mail: Mail, password: str | None) -> tuple[str, ...]:
    return () if password is None else (password, _plain(mail.user or "", password))


def _plain(user: str, password: str) -> str:
    return f"\0{user}\0{password}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _is_good(code: int) -> bool:
    return 200 <= code < 300


def _reason(code: int) -> str:
    return f"smtp_{code}" if 200 <= code < 600 else "network"


def _is_loopback(sock: socket.socket | None) -> bool:
    return (
        sock is not None
        and ipaddress.ip_address(sock.getpeername()[0].partition("%")[0]).is_loopback
    )


def _own_name() -> str:
    name = socket.gethostname()
    return name if _FULL_NAME.fullmatch(name) else "[127.0.0.1]"
