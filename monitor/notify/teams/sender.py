"""POST an Adaptive Card to a Microsoft Teams workflow."""

from __future__ import annotations

from monitor.model.alerts import Notification
from monitor.notify.answers import AnswerRules
from monitor.notify.context import SenderContext
from monitor.notify.posting import MessageSender, Post
from monitor.notify.teams.message import message_of
from monitor.notify.teams.settings import TeamsSettings


class TeamsSender(MessageSender):
    """Makes the attempts at one receiver; what the address has behind `sig=` lets anybody post."""

    # A workflow that is turned off or deleted refuses with 400: somebody turns it on, or replaces the address.
    rules = AnswerRules(
        "Teams",
        is_page_taken=False,
        fixable_words=("workflowtriggerisnotenabled", "workflownotfound"),
    )

    def __init__(self, settings: TeamsSettings, context: SenderContext) -> None:
        super().__init__(context)
        self._settings = settings

    def message(self, notification: Notification) -> Post:
        """Make the request."""
        body = message_of(notification, self._external_url)
        return Post(self._settings.address(self._secrets), body)
