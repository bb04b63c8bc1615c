"""Kind `slack`: a message for people to a Slack incoming webhook, or to what takes the same."""
