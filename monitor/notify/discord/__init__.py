"""Kind `discord`: a message with an embed for each alert to a webhook of a Discord channel."""
