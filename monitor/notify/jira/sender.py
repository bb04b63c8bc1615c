"""POST a request for each alert to Jira Service Management, in the words of Opsgenie's API."""

from __future__ import annotations

from dataclasses import replace

from monitor.notify.opsgenie.sender import OpsgenieSender


class JiraSender(OpsgenieSender):
    """Makes the attempts at one receiver."""

    rules = replace(OpsgenieSender.rules, service="Jira Service Management")
