"""Send a mail for each notification through one SMTP server."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from monitor.model.alerts import Notification
from monitor.model.errors import DeliveryError
from monitor.notify.context import SenderContext
from monitor.notify.deadline_socket import DeadlineSocket
from monitor.notify.email.message import mail_of
from monitor.notify.email.settings import EmailSettings
from monitor.notify.email.smtp import SmtpConnection
from monitor.notify.progress import Progress, StepRefusal, Steps
from monitor.notify.secrets import read_password

# The mail is delivered by then: a server that takes longer over QUIT is left.
_QUIT_SECONDS: Final = 1.0


class EmailSender:
    """Makes the attempts at one receiver.

    A retry goes only to recipients who were not accepted before; after a restart to all again, with
    the same Message-ID.
    """

    def __init__(self, settings: EmailSettings, context: SenderContext) -> None:
        self._settings = settings
        self._reader = context.transport.secrets
        self._timeout_seconds = context.timeout.total_seconds()
        self._external_url = context.external_url
        self._tls = context.transport.tls
        self._socket = DeadlineSocket(context.transport.watchdog)
        self._progress = Progress()

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt at all recipients who do not have it, within the receiver's timeout."""
        settings = self._settings
        mail = mail_of(notification, settings, external_url=self._external_url)
        password = None
        if settings.password is not None:
            password = read_password(settings.password, self._reader)
        steps = self._progress.of(notification.key)
        pending = self._attempt(mail.as_bytes(), password, steps)
        if pending:
            raise _summary(pending, len(settings.to), recoverable=True)
        self._progress.end(notification.key)
        if steps.refused:
            raise _summary(steps.refused, len(settings.to), recoverable=False)

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._socket.cut_for_good()

    def close(self) -> None:
        """Let the socket go; no connection outlasts an attempt."""
        self._socket.release()

    def _attempt(
        self, mail: bytes, password: str | None, steps: Steps
    ) -> Sequence[StepRefusal]:
        """Send to who lacks it; return what keeps the others, who may be tried again."""
        deadline = time.monotonic() + self._timeout_seconds
        connection = SmtpConnection(self._settings, self._socket, password)
        try:
            with self._socket.within(self._timeout_seconds):
                try:
                    connection.enter(self._context)
                    pending = connection.deliver(mail, steps)
                except (OSError, smtplib.SMTPException, ValueError) as error:
                    raise self._failure(error) from None
            seconds = min(_QUIT_SECONDS, deadline - time.monotonic())
            with self._socket.within(max(seconds, 0.01)), suppress(OSError, ValueError):
                connection.quit()
        finally:
            connection.close()
            self._socket.release()
        return pending

    def _context(self) -> ssl.SSLContext:
        """Return whom TLS trusts; a file with authorities is read at each attempt, since it is renewed."""
        file = self._settings.ca_file
        if file is None:
            self._tls = self._tls or ssl.create_default_context()
            return self._tls
        try:
            return ssl.create_default_context(cafile=str(file))
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or type(error).__name__
            raise DeliveryError("tls", f"{file}: {words}", recoverable=True) from None

    def _failure(self, error: Exception) -> DeliveryError:
        if isinstance(error, smtplib.SMTPException):
            error = _cause_of(error)
        return self._socket.failure(error, self._settings.address)


def _cause_of(error: smtplib.SMTPException) -> OSError:
    """Return why a conversation ended.

    smtplib says only that it ended, and keeps the reason to itself; its errors are OSErrors too.
    """
    cause = error.__context__
    if isinstance(cause, OSError) and not isinstance(cause, smtplib.SMTPException):
        return cause
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return OSError(0, "the connection was closed")
    return OSError(0, "this is no SMTP")


def _summary(
    refusals: Sequence[StepRefusal], recipients: int, *, recoverable: bool
) -> DeliveryError:
    """Return one error for all recipients who do not have the mail: the first's words speak for all."""
    first = refusals[0]
    message = first.message
    if recipients > 1:
        message = f"{len(refusals)} of {recipients} recipients: {message}"
    return DeliveryError(first.reason, message, recoverable=recoverable)
