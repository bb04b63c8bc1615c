"""Kind `jira`: an alert for each of ours to Jira Service Management, by the API that it has from Opsgenie."""
