"""What a statement's text says: tokens, parameters, whether it only reads, which privileges it needs; pure."""
