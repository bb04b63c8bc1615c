"""What receivers are told, and when; behind the alerts, before deliveries."""
