"""HTTP: metrics, health, the JSON API and the page; read-only views of snapshots."""

from monitor.web.server import WebServer
from monitor.web.views import LastReload, Views

__all__ = ["LastReload", "Views", "WebServer"]
