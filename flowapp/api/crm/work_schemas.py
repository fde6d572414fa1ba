"""What the API takes and gives about tasks, notes, tags, lists, pipelines and custom fields."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from flowapp.api.crm.records import ListQuery, NamedQuery
from flowapp.api.schemas import In, ListOut, Out

_RECORD = "Its id or number."


class TaskQuery(ListQuery):
    """Which tasks."""

    contact: str = Field(default="", max_length=64)
    company: str = Field(default="", max_length=64)
    deal: str = Field(default="", max_length=64)
    assignee: str = Field(default="", max_length=64, description="A member's id, or me.")
    done: bool | None = None
    due: str = Field(default="", max_length=16, description="open, overdue, today, upcoming or done.")


class TaskChangeIn(In):
    """What changes. It is due on a day (`due_date`) or at a moment (`due_at`)."""

    title: str = Field(default="", max_length=300)
    description: str = Field(default="", max_length=20_000)
    type: Literal["task", "call", "email", "meeting"] = "task"
    priority: Literal["low", "normal", "high"] = "normal"
    due_date: date | None = None
    due_at: datetime | None = None
    assignee_id: str | None = Field(default=None, max_length=254, description="A member's id or e-mail address.")
    contact_id: str | None = Field(default=None, max_length=254)
    company_id: str | None = Field(default=None, max_length=253)
    deal_id: str | None = Field(default=None, max_length=64, description=_RECORD)
    done: bool = False


class TaskIn(TaskChangeIn):
    """A task."""

    title: str = Field(max_length=300, examples=["Call Ada"])


class TaskOut(Out):
    """A task; `activity_type` is its type, `made_by` who or what made it."""

    id: str
    title: str
    description: str
    type: str
    activity_type: str
    priority: str
    assignee_id: str | None
    contact_id: str | None
    company_id: str | None
    deal_id: str | None
    due_date: date | None
    due_at: datetime | None
    done: bool
    done_at: datetime | None
    made_by: dict[str, object]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class TasksOut(ListOut):
    results: list[TaskOut]


class NoteQuery(NamedQuery):
    """Which notes."""

    contact: str = Field(default="", max_length=64)
    company: str = Field(default="", max_length=64)
    deal: str = Field(default="", max_length=64)
    trash: bool = Field(default=False, description="Those in the trash, and no others.")


class NoteChangeIn(In):
    """What changes; `html` with formatting, or `text` without."""

    html: str = Field(default="", max_length=100_000)
    text: str = Field(default="", max_length=100_000)
    type: Literal["note", "call", "email", "meeting"] = "note"
    contact_id: str | None = Field(default=None, max_length=254)
    company_id: str | None = Field(default=None, max_length=253)
    deal_id: str | None = Field(default=None, max_length=64, description=_RECORD)


class NoteIn(NoteChangeIn):
    """A note about at least one record."""


class NoteOut(Out):
    """A note; `text` is its html without formatting."""

    id: str
    type: str
    html: str
    text: str
    mentions: list[str]
    contact_id: str | None
    company_id: str | None
    deal_id: str | None
    made_by: dict[str, object]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class NotesOut(ListOut):
    results: list[NoteOut]


class TagChangeIn(In):
    """Another name."""

    name: str = Field(default="", max_length=100)


class TagIn(In):
    """A tag."""

    name: str = Field(min_length=1, max_length=100, examples=["R&D"])


class TagOut(Out):
    """A tag, as it was first written; `count`: how many records have it."""

    id: str
    name: str
    count: int
    created_at: datetime
    updated_at: datetime


class TagsOut(ListOut):
    results: list[TagOut]


class ContactListChangeIn(In):
    """What changes."""

    name: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=5000)


class ContactListIn(ContactListChangeIn):
    """A static list."""

    name: str = Field(max_length=200, examples=["Newsletter"])


class MembersIn(In):
    """Contacts by id, number or e-mail address."""

    contacts: list[str] = Field(max_length=500)


class ContactListOut(Out):
    """A static list; `count`: how many contacts are in it."""

    id: str
    name: str
    slug: str
    description: str
    count: int
    created_at: datetime
    updated_at: datetime


class ContactListsOut(ListOut):
    results: list[ContactListOut]


class StageIn(In):
    """A stage; with an id, one that is there."""

    id: str | None = Field(default=None, max_length=64)
    name: str = Field(max_length=100)
    kind: Literal["open", "won", "lost"] = "open"
    probability: int = Field(default=0, ge=0, le=100, description="Percent.")


class PipelineChangeIn(In):
    """What changes. `stages` are all of them in their order: one with an id is changed, one that is missing is deleted."""

    name: str = Field(default="", max_length=100)
    position: int = Field(default=0, ge=0, le=1000)
    is_default: bool = False
    stages: list[StageIn] = Field(default_factory=list, max_length=50)


class PipelineIn(PipelineChangeIn):
    """A pipeline; without stages it gets the usual ones."""

    name: str = Field(max_length=100, examples=["Partners"])


class StageOut(Out):
    """A stage."""

    id: str
    name: str
    slug: str
    kind: str
    probability: int
    position: int


class PipelineOut(Out):
    """A pipeline with its stages."""

    id: str
    number: int | None
    name: str
    slug: str
    position: int
    is_default: bool
    stages: list[StageOut]
    created_at: datetime
    updated_at: datetime


class PipelinesOut(ListOut):
    results: list[PipelineOut]


class FieldQuery(NamedQuery):
    """Which fields."""

    object: Literal["", "contact", "company", "deal"] = ""


class FieldChangeIn(In):
    """What changes; what it is of, its key and its type stay."""

    label: str = Field(default="", max_length=200)
    required: bool = False
    unique: bool = False
    default: object = None
    options: list[str] = Field(default_factory=list, max_length=500)
    target: Literal["", "contact", "company", "deal"] = ""
    position: int = Field(default=0, ge=0, le=10_000)


class FieldIn(FieldChangeIn):
    """A custom field. Without a key it gets one from its label."""

    object: Literal["contact", "company", "deal"]
    key: str = Field(default="", max_length=64)
    label: str = Field(max_length=200, examples=["Size"])
    type: Literal[
        "text", "long_text", "number", "money", "date", "datetime", "boolean", "choice", "multiple_choice", "url", "email",
        "phone", "relation",
    ] = "text"  # fmt: skip


class _Default(Out):
    """What a new record has."""

    default: object


class FieldOut(_Default):
    """A custom field."""

    id: str
    object: str
    key: str
    label: str
    type: str
    required: bool
    unique: bool
    options: list[str]
    target: str
    position: int
    created_at: datetime
    updated_at: datetime


class FieldsOut(ListOut):
    results: list[FieldOut]
