"""What the API takes and gives about notifications."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from flowapp.api.schemas import In, ListOut, Out, PageQuery


class NotificationQuery(PageQuery):
    """Which notifications."""

    unread: bool = Field(default=False, description="Only those that were not read.")


class NotificationsReadIn(In):
    """Ids of notifications; absent: all."""

    ids: list[UUID] | None = Field(default=None, max_length=200)


class NotificationOut(Out):
    """A message to the caller; `level`: info, success, warning or danger; `link`: a path of this application."""

    id: str
    level: str
    title: str
    body: str
    link: str
    created_at: datetime
    read_at: datetime | None


class NotificationsOut(ListOut):
    """`unread`: of the newest hundred."""

    results: list[NotificationOut]
    unread: int


class ReadOut(Out):
    """How many became read."""

    read: int
