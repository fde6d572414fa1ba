"""Saved views: what a list shows, under a name."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.exact_json import Json
from flowapp.models.base import AnyJson, Base, HasId, Id, Tenant, Timestamps

VIEW_OBJECTS = ("contact", "company", "deal", "task")
VIEW_LAYOUTS = ("list", "board")
_SHARED, _PRIVATE, _DEFAULT = text("shared"), text("NOT shared"), text("is_default")


class View(HasId, Tenant, Timestamps, Base):
    """What a list of `noun` shows. `search` is a crm.finding.Search as JSON, in which “me” is who looks; without `columns`
    it has those of the list.

    A shared one is there for all members, any other one for its owner. `key` is its name without case. `is_default`:
    members who have chosen no other begin with it.
    """

    __tablename__ = "views"
    __table_args__ = (
        CheckConstraint(f"object IN {VIEW_OBJECTS}", name="object"),
        CheckConstraint(f"layout IN {VIEW_LAYOUTS} AND (layout = 'list' OR object = 'deal')", name="layout"),
        CheckConstraint("shared OR NOT is_default", name="default_is_shared"),
        Index(
            "ix_views_shared_key", "organization_id", "object", "key", unique=True,
            sqlite_where=_SHARED, postgresql_where=_SHARED,
        ),
        Index(
            "ix_views_private_key", "organization_id", "object", "owner_id", "key", unique=True,
            sqlite_where=_PRIVATE, postgresql_where=_PRIVATE,
        ),
        Index(
            "ix_views_default", "organization_id", "object", unique=True,
            sqlite_where=_DEFAULT, postgresql_where=_DEFAULT,
        ),
    )  # fmt: skip

    noun: Mapped[str] = mapped_column("object", String(16))
    name: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(200))
    search: Mapped[Json] = mapped_column(default=dict)
    columns: Mapped[list[str]] = mapped_column(AnyJson, default=list)
    layout: Mapped[str] = mapped_column(String(8), default="list")
    shared: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"), index=True)


class ViewDefault(Tenant, Base):
    """The view that a member begins with."""

    __tablename__ = "view_defaults"

    organization_id: Mapped[str] = mapped_column(
        Id, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True, sort_order=-10
    )
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    noun: Mapped[str] = mapped_column("object", String(16), primary_key=True)
    view_id: Mapped[str] = mapped_column(Id, ForeignKey("views.id", ondelete="CASCADE"), index=True)
