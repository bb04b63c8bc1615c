"""Pictures of the real page for the documentation: what `scripts/screenshots` runs."""
