"""Kind `webhook`: Alertmanager's webhook body, or one of the user's own, to one address."""
