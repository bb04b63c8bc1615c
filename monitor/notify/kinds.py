"""The kinds of receivers that there are: one row for each, with all that it has.

Importing them opens no connection and imports no client: who only validates the configuration needs none,
and the standard library's mail alone is 2 MB. So a kind's sender is imported by the function that makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from monitor.model.settings import Receiver
from monitor.notify.alertmanager.kind import AlertmanagerKind
from monitor.notify.alertmanager.settings import (
    AlertmanagerSchema,
    AlertmanagerSettings,
    read_alertmanager,
)
from monitor.notify.apprise.settings import (
    AppriseSchema,
    AppriseSettings,
    read_apprise,
)
from monitor.notify.context import SenderContext
from monitor.notify.discord.settings import DiscordSchema, DiscordSettings, read_discord
from monitor.notify.email.settings import EmailSchema, EmailSettings, read_email
from monitor.notify.google_chat.settings import (
    GoogleChatSchema,
    GoogleChatSettings,
    read_google_chat,
)
from monitor.notify.jira.settings import JiraSchema, JiraSettings, read_jira
from monitor.notify.kind import OutboxKind, ReceiverKind
from monitor.notify.mattermost.settings import (
    MattermostSchema,
    MattermostSettings,
    read_mattermost,
)
from monitor.notify.ntfy.settings import NtfySchema, NtfySettings, read_ntfy
from monitor.notify.opsgenie.settings import (
    OpsgenieSchema,
    OpsgenieSettings,
    read_opsgenie,
)
from monitor.notify.outbox import Sender
from monitor.notify.pagerduty.settings import (
    PagerdutySchema,
    PagerdutySettings,
    read_pagerduty,
)
from monitor.notify.slack.settings import SlackSchema, SlackSettings, read_slack
from monitor.notify.teams.settings import TeamsSchema, TeamsSettings, read_teams
from monitor.notify.telegram.settings import (
    TelegramSchema,
    TelegramSettings,
    read_telegram,
)
from monitor.notify.webhook.settings import WebhookSchema, WebhookSettings, read_webhook


def _apprise_sender(settings: AppriseSettings, context: SenderContext) -> Sender:
    from monitor.notify.apprise.sender import AppriseSender

    return AppriseSender(settings, context)


def _email_sender(settings: EmailSettings, context: SenderContext) -> Sender:
    from monitor.notify.email.sender import EmailSender

    return EmailSender(settings, context)


def _pagerduty_sender(settings: PagerdutySettings, context: SenderContext) -> Sender:
    from monitor.notify.pagerduty.sender import PagerdutySender

    return PagerdutySender(settings, context)


def _slack_sender(settings: SlackSettings, context: SenderContext) -> Sender:
    from monitor.notify.slack.sender import SlackSender

    return SlackSender(settings, context)


def _webhook_sender(settings: WebhookSettings, context: SenderContext) -> Sender:
    from monitor.notify.webhook.sender import WebhookSender

    return WebhookSender(settings, context)


def _discord_sender(settings: DiscordSettings, context: SenderContext) -> Sender:
    from monitor.notify.discord.sender import DiscordSender

    return DiscordSender(settings, context)


def _google_chat_sender(settings: GoogleChatSettings, context: SenderContext) -> Sender:
    from monitor.notify.google_chat.sender import GoogleChatSender

    return GoogleChatSender(settings, context)


def _jira_sender(settings: JiraSettings, context: SenderContext) -> Sender:
    from monitor.notify.jira.sender import JiraSender

    return JiraSender(settings, context)


def _mattermost_sender(settings: MattermostSettings, context: SenderContext) -> Sender:
    from monitor.notify.mattermost.sender import MattermostSender

    return MattermostSender(settings, context)


def _ntfy_sender(settings: NtfySettings, context: SenderContext) -> Sender:
    from monitor.notify.ntfy.sender import NtfySender

    return NtfySender(settings, context)


def _opsgenie_sender(settings: OpsgenieSettings, context: SenderContext) -> Sender:
    from monitor.notify.opsgenie.sender import OpsgenieSender

    return OpsgenieSender(settings, context)


def _teams_sender(settings: TeamsSettings, context: SenderContext) -> Sender:
    from monitor.notify.teams.sender import TeamsSender

    return TeamsSender(settings, context)


def _telegram_sender(settings: TelegramSettings, context: SenderContext) -> Sender:
    from monitor.notify.telegram.sender import TelegramSender

    return TelegramSender(settings, context)


_ALL: Final[tuple[ReceiverKind[Any], ...]] = (
    AlertmanagerKind(AlertmanagerSettings, AlertmanagerSchema, read_alertmanager),
    OutboxKind(AppriseSettings, AppriseSchema, read_apprise, _apprise_sender),
    OutboxKind(DiscordSettings, DiscordSchema, read_discord, _discord_sender),
    OutboxKind(
        GoogleChatSettings, GoogleChatSchema, read_google_chat, _google_chat_sender
    ),
    OutboxKind(JiraSettings, JiraSchema, read_jira, _jira_sender),
    OutboxKind(
        MattermostSettings, MattermostSchema, read_mattermost, _mattermost_sender
    ),
    OutboxKind(NtfySettings, NtfySchema, read_ntfy, _ntfy_sender),
    OutboxKind(OpsgenieSettings, OpsgenieSchema, read_opsgenie, _opsgenie_sender),
    OutboxKind(TeamsSettings, TeamsSchema, read_teams, _teams_sender),
    OutboxKind(TelegramSettings, TelegramSchema, read_telegram, _telegram_sender),
    OutboxKind(EmailSettings, EmailSchema, read_email, _email_sender),
    OutboxKind(PagerdutySettings, PagerdutySchema, read_pagerduty, _pagerduty_sender),
    OutboxKind(SlackSettings, SlackSchema, read_slack, _slack_sender),
    OutboxKind(WebhookSettings, WebhookSchema, read_webhook, _webhook_sender),
)

KINDS: Final[Mapping[str, ReceiverKind[Any]]] = MappingProxyType(
    {kind.name: kind for kind in _ALL}
)
"""Every kind by its name, for what reads the configuration and for what delivers."""


def kind_of(receiver: Receiver) -> ReceiverKind[Any]:
    """Return the kind of a receiver."""
    return KINDS[receiver.kind]
