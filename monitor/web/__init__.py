"""HTTP: metrics, health, the JSON API and the page; read-only views of snapshots."""
