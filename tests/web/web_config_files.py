"""Web-config files for the tests, and requests with a password."""

from __future__ import annotations

import base64
from pathlib import Path

import bcrypt

from tests.web.serving import Client


def hashed(password: str, rounds: int = 4) -> str:
    """Return the bcrypt hash of a password; each round more doubles what a comparison costs."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header with a user and password."""
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {encoded}"}


def file_with(folder: Path, text: str) -> Path:
    """Write the file, or put another in its place: whole at once, for a server reads it meanwhile."""
    path = folder / "web.yml"
    (folder / "web.new").write_text(text)
    return (folder / "web.new").replace(path)


def tls_text(**more: str) -> str:
    """Return the section with the server's certificate and key, and with these keys."""
    keys = {"cert_file": "server.pem", "key_file": "server.key", **more}
    return "tls_server_config:\n" + "".join(
        f"  {key}: {value}\n" for key, value in keys.items()
    )


def users_text(rounds: int = 4, /, **passwords: str) -> str:
    """Return the section that lets these users in; more rounds make each guess dearer."""
    users = [f"  {user}: {hashed(word, rounds)}\n" for user, word in passwords.items()]
    return "basic_auth_users:\n" + "".join(users)


def status_as(client: Client, user: str, password: str, path: str = "/metrics") -> int:
    """Ask with a password; return the status of the answer."""
    return client.ask("GET", path, basic(user, password)).status
