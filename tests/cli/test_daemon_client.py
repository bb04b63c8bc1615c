"""Who a command sends a password to: over TLS the daemon alone whose certificate is the page's own."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from monitor.cli.daemon_client import trusting_context
from monitor.model.process_settings import Web
from tests.web.certificates import Authority


def shaken_hands(context: ssl.SSLContext, served: tuple[Path, Path]) -> None:
    """Shake hands with a server that shows a certificate; SSLError where it is not trusted."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*served)
    ours, other = socket.socketpair()

    def serve() -> None:
        try:
            theirs.wrap_socket(other, server_side=True).close()
        except OSError:
            other.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours, context.wrap_socket(ours):
            pass
    finally:
        thread.join(10)


def test_another_certificate_of_the_same_authority_is_not_trusted(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    leaf, key = authority.issue("page")
    evil = authority.issue("evil")
    chain = tmp_path / "fullchain.pem"
    chain.write_bytes(b"page\n" + leaf.read_bytes() + authority.file.read_bytes())
    config_file = tmp_path / "web.yml"
    config_file.write_text(
        f"tls_server_config: {{cert_file: {chain}, key_file: {key}}}", encoding="utf-8"
    )
    context = trusting_context(Web(config_file=config_file))
    assert context is not None
    shaken_hands(context, (chain, key))
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken_hands(context, evil)
