"""What other programs read: rules for Prometheus, a dashboard for Grafana; printed of the configuration."""
