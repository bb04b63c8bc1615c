"""The far end of SMTP: a real server that a test controls."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

Reply = bytes | Callable[[socket.socket, threading.Event], None]
"""What to answer; b"" hangs up."""


@dataclass
class Envelope:
    """A mail as it was taken."""

    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    content: bytes = b""
    is_secure: bool = False
    login: tuple[str, str] | None = None

    @property
    def message(self) -> EmailMessage:
        """Return the mail as it was sent."""
        return BytesParser(policy=default).parsebytes(
            self.content.replace(b"\r\n", b"\n")
        )


class MailEnd:
    """Takes mail; `replies` are given in place of the usual ones, each once.

    Keys are `greeting`, `content` (after the dot) and commands by how they begin (`RCPT TO:<a@`).
    """

    def __init__(
        self,
        replies: Mapping[str, list[Reply]] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        is_implicit: bool = False,
        offers: tuple[str, ...] = ("AUTH PLAIN LOGIN",),
        password: str | None = None,
    ) -> None:
        self.mails: list[Envelope] = []
        self.commands: list[str] = []
        self.password = password
        self._replies = {key: list(some) for key, some in (replies or {}).items()}
        self._tls = tls
        self._is_implicit = is_implicit
        self._offers = offers
        self._ended = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._spawn(self._listen)

    def close(self) -> None:
        """Close the listener and every connection."""
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self._spawn(self._serve, connection)

    def _serve(self, raw: socket.socket) -> None:
        connection = raw
        try:
            if self._tls is not None and self._is_implicit:
                connection = self._secured(raw)
            self._reply(connection, "greeting", b"220 mail.example.com ESMTP\r\n")
            while (secured := self._converse(connection)) is not None:
                connection = secured
        except (OSError, EOFError):
            return
        finally:
            connection.close()
            raw.close()

    def _secured(self, raw: socket.socket) -> socket.socket:
        assert self._tls is not None
        connection = self._tls.wrap_socket(raw, server_side=True)
        self._open.append(connection)
        return connection

    def _converse(self, connection: socket.socket) -> socket.socket | None:
        """Serve until the end, or until TLS begins; gives the connection to go on with."""
        envelope = Envelope(is_secure=isinstance(connection, ssl.SSLSocket))
        with connection.makefile("rb") as reader:
            while line := reader.readline():
                verb, space, rest = line.decode().rstrip("\r\n").partition(" ")
                verb = verb.upper()
                command = f"{verb}{space}{rest}"
                self.commands.append(command)
                if verb == "STARTTLS":
                    if self._reply(connection, command, b"220 go on\r\n") is None:
                        continue
                    break
                if verb == "QUIT":
                    self._reply(connection, command, b"221 bye\r\n")
                    return None
                self._obey(connection, reader, verb, command, envelope)
            else:
                return None
        return self._secured(connection)

    def _obey(
        self,
        connection: socket.socket,
        reader: Any,
        verb: str,
        command: str,
        envelope: Envelope,
    ) -> None:
        if verb == "EHLO":
            lines = ["mail.example.com", *self._offers]
            is_plain = not isinstance(connection, ssl.SSLSocket)
            lines += ["STARTTLS"] if self._tls is not None and is_plain else []
            text = "".join(f"250-{line}\r\n" for line in lines) + "250 8BITMIME\r\n"
            self._reply(connection, command, text.encode())
        elif verb == "AUTH":
            envelope.login = self._login(connection, reader, command)
        elif verb == "MAIL":
            if self._reply(connection, command, b"250 ok\r\n"):
                envelope.sender = command.partition("<")[2].partition(">")[0]
        elif verb == "RCPT":
            if self._reply(connection, command, b"250 ok\r\n"):
                envelope.recipients.append(command.partition("<")[2].partition(">")[0])
        elif verb == "DATA":
            if self._reply(connection, command, b"354 go on\r\n"):
                content = bytearray()
                while (line := reader.readline()) not in (b".\r\n", b""):
                    content += line.removeprefix(b".")
                envelope.content = bytes(content)
                self._reply(connection, "content", b"250 taken\r\n", taken=envelope)
        else:
            self._reply(connection, command, b"250 ok\r\n")

    def _login(
        self, connection: socket.socket, reader: Any, command: str
    ) -> tuple[str, str] | None:
        mechanism, _, initial = command.removeprefix("AUTH ").partition(" ")
        text = base64.b64decode(initial).decode()
        if mechanism == "PLAIN":
            _, user, password = text.split("\0")
        else:
            connection.sendall(b"334 UGFzc3dvcmQ6\r\n")
            user, password = text, base64.b64decode(reader.readline()).decode()
        if self.password is not None and password != self.password:
            self._reply(
                connection, command, f"535 no {password} {initial}\r\n".encode()
            )
            return None
        self._reply(connection, command, b"235 welcome\r\n")
        return user, password

    def _reply(
        self,
        connection: socket.socket,
        command: str,
        usual: bytes,
        *,
        taken: Envelope | None = None,
    ) -> bool | None:
        """Answer; tells whether it was the usual answer, before which is kept what it says is taken."""
        for key, some in self._replies.items():
            # smtplib writes TO: and to:, by its version
            if command.upper().startswith(key.upper()) and some:
                reply = some.pop(0)
                if callable(reply):
                    reply(connection, self._ended)
                elif reply:
                    connection.sendall(reply)
                    return None
                raise EOFError
        if taken is not None:
            self.mails.append(taken)
        connection.sendall(usual)
        return True


@contextmanager
def mail_end(
    replies: Mapping[str, list[Reply]] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    is_implicit: bool = False,
    offers: tuple[str, ...] = ("AUTH PLAIN LOGIN",),
    password: str | None = None,
) -> Iterator[MailEnd]:
    """Run a mail server that gives these replies."""
    server = MailEnd(
        replies, tls=tls, is_implicit=is_implicit, offers=offers, password=password
    )
    try:
        yield server
    finally:
        server.close()
