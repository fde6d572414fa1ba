"""What the JSON API takes to change many records at once (see api.schemas)."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from flowapp.api.schemas import In
from flowapp.crm.bulk.service import MOST_IDS
from flowapp.crm.jobs.upsert_contacts import MOST

_TAG: dict[str, JsonValue] = {"action": "add_tag", "tag": "R&D", "filter": {"owner": "me"}, "start_workflows": True}
_ASSIGN: dict[str, JsonValue] = {
    "action": "assign", "owner": "ada@acme.example", "ids": ["0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11"],
}  # fmt: skip
_CHANGE: dict[str, JsonValue] = {
    "action": "change", "data": {"currency": "EUR"}, "filter": {"tag": "customer"},
}  # fmt: skip
_TRANSLATE: dict[str, JsonValue] = {"action": "change", "data": {"language": "fr"}, "filter": {"tag": "customer"}}
_DONE: dict[str, JsonValue] = {"action": "complete", "filter": {"owner": "me", "due": "overdue"}}
_UPSERT: dict[str, JsonValue] = {"records": [{"email": "ada@acme.example", "first_name": "Ada"}]}
Texts = list[str]  # beside a field of the name list
Rows = list[dict[str, object]]
_AnyActions = Literal["assign", "change", "start_workflow", "delete", "restore"]
_TaskActions = Literal[_AnyActions, "complete", "reopen"]
_Actions = Literal[_AnyActions, "add_tag", "remove_tag"]
_ContactActions = Literal[_Actions, "add_to_list", "remove_from_list"]


class FilterIn(In):
    """Which records, as the list takes it; those that match now, whatever changes later."""

    search: str = Field(default="", max_length=200, description="Words of the name, the title, the address …")
    owner: str = Field(default="", max_length=64, description="A member's id, or me.")
    tag: str = Field(default="", max_length=100)
    list: str = Field(default="", max_length=64, description="Id of a list, of contacts.")
    stage: str = Field(default="", max_length=64, description="Id of a stage, of deals.")
    status: str = Field(default="", max_length=16, description="open, won or lost, of deals.")
    pipeline: str = Field(default="", max_length=64, description="Id of a pipeline, of deals.")
    due: str = Field(default="", max_length=16, description="open, overdue, today, upcoming or done, of tasks.")
    trash: bool = Field(default=False, description="Those in the trash, and no others.")
    filter: dict[str, object] | None = Field(default=None, description="Conditions, as workflows write them.")


class AnyBulkIn(In):
    """One change of many records: give `ids`, or a `filter` ({} means all). What the action needs goes beside it."""

    action: str | None
    ids: Texts | None = Field(default=None, max_length=MOST_IDS)
    filter: FilterIn | None = None
    start_workflows: bool = Field(
        default=False, description="Whether workflows hear of these changes. They stand in the timelines in any case."
    )
    tag: str | None = Field(default=None, max_length=100, description="add_tag, remove_tag.")
    list: str | None = Field(default=None, max_length=200, description="add_to_list, remove_from_list: id or name.")
    owner: str | None = Field(default=None, max_length=254, description="assign: id or address; null: nobody.")
    data: dict[str, object] | None = Field(default=None, description="change: fields with their new values.")
    workflow: str | int | None = Field(default=None, description="start_workflow: id or number.")


class BulkIn(AnyBulkIn):
    """One change of many companies or deals: give `ids`, or a `filter` ({} means all). What the action needs goes beside it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_TAG, _ASSIGN, _CHANGE]})

    action: _Actions


class TasksBulkIn(AnyBulkIn):
    """The same for tasks, which have no tags."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ASSIGN, _DONE]})

    action: _TaskActions


class ContactsBulkIn(AnyBulkIn):
    """The same for contacts; or `records`, in place of an action: each changes the contact with its address, or is a new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_TAG, _ASSIGN, _TRANSLATE, _UPSERT]})

    action: _ContactActions | None = None
    records: Rows | None = Field(default=None, max_length=MOST)
