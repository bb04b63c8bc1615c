"""A private MariaDB with the token system in it, traffic and incidents: what `scripts/demo` shows."""
