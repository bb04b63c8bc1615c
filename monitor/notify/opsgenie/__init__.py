"""Kind `opsgenie`: an alert for each of ours through the Alert API of Opsgenie."""
