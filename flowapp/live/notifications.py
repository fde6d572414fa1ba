"""What a socket that watches a member's bell is sent: how many notifications are unread, at first and whenever that changes."""

from __future__ import annotations

from sqlalchemy import Engine

from flowapp.engine.runtime.recorder import Message
from flowapp.live.feed import StateFeed
from flowapp.models.tenancy import tenant_session
from flowapp.notifications import listing
from flowapp.tasks.bus import member_channel


class NotificationsFeed(StateFeed):
    """How many notifications of one member are unread."""

    poll: float | None = None

    def __init__(self, engine: Engine, organization_id: str, user_id: str) -> None:
        self._engine, self._organization_id, self._user_id = engine, organization_id, user_id
        self.channel = member_channel(organization_id, user_id)
        self._told: int | None = None

    def begin(self) -> list[Message]:
        """initial_state."""
        return self._tell("initial_state")

    def take(self, news: Message) -> list[Message] | None:  # noqa: ARG002 - as the line hands it to every feed
        """The message says only that something changed."""
        return None

    def read(self) -> list[Message]:
        """notifications, where the number is otherwise than it was told last."""
        return self._tell("notifications")

    def _tell(self, kind: str) -> list[Message]:
        with tenant_session(self._engine, self._organization_id) as session:
            unread = listing.unread_count(session, self._user_id)
        if unread == self._told:
            return []
        self._told = unread
        return [{"type": kind, "seq": self.next_seq(), "unread": unread}]
