"""Kind `telegram`: a message of a Telegram bot to a chat."""
