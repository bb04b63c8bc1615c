"""Kind `pagerduty`: one event for each alert to PagerDuty's Events API, version 2."""
