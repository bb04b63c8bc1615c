"""Ask the daemon that runs by the same configuration, by HTTP; for commands beside it."""

from __future__ import annotations

import http.client
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click

from monitor.config.toml.document import Section, read_document
from monitor.config.toml.problems import Origin, Problems
from monitor.config.web_and_state import read_web
from monitor.model.errors import ConfigError
from monitor.model.process_settings import Web
from monitor.secrets.key_pairs import load_key_pair
from monitor.web.web_config import load_web_config

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
_TIMEOUT_SECONDS = 3.0
"""The answer needs no database: who takes longer is not healthy."""
_END = "-----END CERTIFICATE-----"
"""What ends the first certificate of a file of several."""
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class DaemonRequest:
    """What the daemon is asked."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = _TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class DaemonAnswer:
    """What it answered."""

    status: int
    text: str

    @property
    def words(self) -> str:
        """Return what there is to print of it."""
        return self.text.strip() or str(self.status)


def web_of(path: Path) -> Web:
    """Read where the daemon listens and nothing else.

    It goes on with its old configuration while somebody edits the files: a mistake there must not make
    it unhealthy, and have it restarted with that mistake.
    """
    problems = Problems()
    base = path.absolute().parent
    document = read_document(path, path.name, problems)
    unread = Section({}, {(): Origin(path.name)})
    section = unread if document is None else document.at("web")
    web = read_web(section, os.environ, base, problems)
    for problem in problems.in_order():
        click.echo(str(problem), err=True)
    return web


def ask(
    web: Web, request: DaemonRequest, context: ssl.SSLContext | None
) -> DaemonAnswer:
    """Ask the daemon here, over TLS where there is a context; OSError or HTTPException where it gives no answer."""
    host, timeout = _ANY.get(web.host, web.host), request.timeout_seconds
    connection: http.client.HTTPConnection
    if context is None:
        connection = http.client.HTTPConnection(host, web.port, timeout=timeout)
    else:
        connection = http.client.HTTPSConnection(
            host, web.port, timeout=timeout, context=context
        )
    try:
        connection.request(
            request.method, request.path, request.body, dict(request.headers)
        )
        answer = connection.getresponse()
        text = answer.read(_MAX_BYTES).decode(errors="replace")
        return DaemonAnswer(answer.status, text)
    finally:
        connection.close()


def ask_either(web: Web, request: DaemonRequest) -> DaemonAnswer:
    """Ask with TLS and without: the daemon may run with the configuration of before. Only for what is no secret.

    No certificate is checked: this asks our own process. OSError or HTTPException of the likelier one where
    neither gives an answer.
    """
    over_tls = partial(_ask_over_tls, web, request)
    in_clear = partial(ask, web, request, None)
    likelier, other = over_tls, in_clear
    if web.config_file is None:
        likelier, other = in_clear, over_tls
    try:
        return likelier()
    except (OSError, http.client.HTTPException) as error:
        first = error
    try:
        return other()
    except (OSError, http.client.HTTPException):
        raise first from None


def _ask_over_tls(web: Web, request: DaemonRequest) -> DaemonAnswer:
    return ask(web, request, unverified_context(web))


def unverified_context(web: Web) -> ssl.SSLContext:
    """Return how to ask over TLS without a look at the certificate; for what sends no secret."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _use_certificate(context, web, is_trusted=False)
    return context


def trusting_context(web: Web) -> ssl.SSLContext | None:
    """Return how to ask over TLS only who has the page's own certificate; None where the page has none."""
    if web.config_file is None or load_web_config(web.config_file).tls is None:
        return None
    # By no authority: it is our own process, whose certificate is known by its file.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _use_certificate(context, web, is_trusted=True)
    return context


def _use_certificate(context: ssl.SSLContext, web: Web, *, is_trusted: bool) -> None:
    """Load the page's certificate, to trust it, and to show it where clients must show one."""
    try:
        tls = load_web_config(web.config_file).tls if web.config_file else None
        if tls is None:
            return
        if is_trusted:
            # The first one alone: those behind it are of authorities, which sign others too.
            first = tls.cert_file.read_text("ascii").partition(_END)
            context.load_verify_locations(cadata="".join(first[:2]))
        # Where clients must show a certificate, the daemon's own is one that its authority may have signed.
        if tls.client_ca_file is not None:
            load_key_pair(context, tls.cert_file, tls.key_file)
    except (ConfigError, OSError, ValueError) as error:
        click.echo(str(error), err=True)
