"""What becomes of findings, from samples to alerts: pure, behind the results queue."""
