"""Kind `email`: a mail for each notification through one SMTP server."""
