"""Kind `mattermost`: a message with an attachment for each alert to a Mattermost incoming webhook."""
