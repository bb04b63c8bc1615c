"""Make the TLS of the page from what the web-config file says: one context, never changed once it is made."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from monitor.secrets.key_pairs import load_authorities, load_key_pair

VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
"""Of TLS 1.2, by Go's names and OpenSSL's: those that Go calls safe. Those of TLS 1.3 cannot be chosen."""


@dataclass(frozen=True, slots=True)
class ServerTls:
    """How the server proves itself, and whether clients must."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    client_auth_type: str = "NoClientCert"
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files whose change means new certificates."""
        return tuple(
            f for f in (self.cert_file, self.key_file, self.client_ca_file) if f
        )

    def context(self) -> ssl.SSLContext:
        """Build the context; OSError (ssl.SSLError is one) or ValueError when a file cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = VERSIONS[self.min_version]
        context.maximum_version = VERSIONS[self.max_version]
        if self.cipher_suites:
            context.set_ciphers(":".join(CIPHERS[name] for name in self.cipher_suites))
        context.set_alpn_protocols(["http/1.1"])
        load_key_pair(context, self.cert_file, self.key_file)
        if self.client_ca_file is not None:
            load_authorities(context, self.client_ca_file)
        context.verify_mode = CLIENT_AUTH[self.client_auth_type]
        return context
