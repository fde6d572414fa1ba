"""What the API takes and gives about notifications, and about outgoing connections."""

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
    kind: str = Field(description="mention, decision, message, alert, job or connection; empty of an old one.")
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


class WishOut(Out):
    """How the caller is told of a kind of things. Not `in_app`: it is listed as read."""

    in_app: bool
    by_email: bool


class WishesOut(Out):
    """By kind."""

    mention: WishOut
    decision: WishOut
    message: WishOut
    alert: WishOut
    job: WishOut
    connection: WishOut


class WishIn(In):
    """What changes."""

    in_app: bool = True
    by_email: bool = True


class WishesIn(In):
    """What changes, by kind."""

    mention: WishIn = Field(default_factory=WishIn)
    decision: WishIn = Field(default_factory=WishIn)
    message: WishIn = Field(default_factory=WishIn)
    alert: WishIn = Field(default_factory=WishIn)
    job: WishIn = Field(default_factory=WishIn)
    connection: WishIn = Field(default_factory=WishIn)


class OutgoingOut(Out):
    """Hosts, addresses and networks; `may_allow`: whether the installation lets the organization change them."""

    allow: list[str]
    may_allow: bool


class OutgoingIn(In):
    """Hosts, addresses and networks that outgoing connections may reach besides public addresses."""

    allow: list[str] = Field(max_length=200, examples=[["db.internal", "10.0.0.0/24"]])
