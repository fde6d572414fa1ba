"""What the API takes and gives about saved views."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from flowapp.api.schemas import In, ListOut, Out, PageQuery

_FILTER = {"all": [{"field": "created_at", "operator": "after", "value": "-30 days"}]}
_Json = dict[str, object]
_CONDITIONS = "Conditions as workflows have them, about the fields of the records."


class ViewQuery(PageQuery):
    """Which views."""

    object: Literal["", "contact", "company", "deal", "task"] = ""
    search: str = Field(default="", max_length=200, description="Part of the name.")


class ViewChangeIn(In):
    """What changes. In `search` and `filter`, “me” is the member who looks."""

    name: str = Field(default="", max_length=100, examples=["New this month"])
    filter: dict[str, object] = Field(default_factory=dict, max_length=20, description=_CONDITIONS, examples=[_FILTER])
    search: dict[str, str] = Field(
        default_factory=dict,
        max_length=20,
        description="The list's own filters: q, owner, tag, list, stage, status, trash.",
        examples=[{"owner": "me"}],
    )
    sort: str = Field(default="-created_at", max_length=100, examples=["-updated_at"])
    columns: list[str] = Field(
        default_factory=list,
        max_length=30,
        description="Names of fields; none: those of the list.",
        examples=[["created_at"]],
    )
    layout: Literal["list", "board"] = Field(default="list", description="Deals have a board, too.")
    shared: bool = Field(default=False, description="All members see it. For operators and above.")
    default: Literal["", "me", "everyone"] = Field(default="", description="Who begins with it.")


class ViewIn(ViewChangeIn):
    """A view of one of the lists."""

    object: Literal["contact", "company", "deal", "task"]
    name: str = Field(min_length=1, max_length=100, examples=["New this month"])


class ViewOut(Out):
    """A saved view."""

    id: str
    object: str
    name: str
    filter: _Json
    search: dict[str, str]
    sort: str
    columns: list[str]
    layout: str
    shared: bool
    default: str = Field(description="Who begins with it: me, everyone, or nobody (empty).")
    owner_id: str | None
    created_at: datetime
    updated_at: datetime


class ViewsOut(ListOut):
    results: list[ViewOut]
