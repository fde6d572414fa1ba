"""What the API takes and gives about deals."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from flowapp.api.crm.records import RecordQuery
from flowapp.api.schemas import In, ListOut, Out

_PERSON = "A contact's id, number or e-mail address."


class DealQuery(RecordQuery):
    """Which deals."""

    stage: str = Field(default="", max_length=64, description="Id of a stage.")
    pipeline: str = Field(default="", max_length=64, description="Id of a pipeline.")
    status: Literal["", "open", "won", "lost"] = ""


class DealChangeIn(In):
    """What changes. A stage is named by its id, slug or name; a deal that is lost needs `lost_reason`."""

    title: str = Field(default="", max_length=300, examples=["Engine No. 2"])
    description: str = Field(default="", max_length=20_000)
    value: float | None = Field(default=None, description="An amount with at most four decimals.")
    montant: float | None = Field(default=None, description="The same as value.")
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")
    pipeline: str = Field(default="", max_length=100)
    stage: str = Field(default="", max_length=100, examples=["PROPOSITION"])
    status: Literal["", "open", "won", "lost"] = ""
    lost_reason: str = Field(default="", max_length=500)
    expected_close: date | None = None
    owner_id: str | None = Field(default=None, max_length=254, description="A member's id or e-mail address.")
    company_id: str | None = Field(default=None, max_length=253, description="A company's id, number, domain or name.")
    contact_id: str | None = Field(default=None, max_length=254, description=_PERSON)
    contact_ids: list[str] = Field(default_factory=list, max_length=100)
    fields: dict[str, object] = Field(default_factory=dict, max_length=200)


class DealIn(DealChangeIn):
    """A deal."""

    title: str = Field(max_length=300)


class MoveIn(In):
    """Where to, and if it is lost there, why."""

    stage: str = Field(min_length=1, max_length=100, examples=["SIGNÉ"])
    lost_reason: str = Field(default="", max_length=500)


class DealOut(Out):
    """A deal; `montant` is its value, `stage` the name of its stage."""

    id: str
    number: int | None = Field(description="Counted in the organization, and taken wherever the id is.")
    title: str
    description: str
    value: float | None
    montant: float | None
    currency: str
    status: str
    lost_reason: str
    owner_id: str | None
    company_id: str | None
    contact_id: str | None
    contact_ids: list[str]
    pipeline_id: str
    stage_id: str
    stage: str
    probability: int
    stage_entered_at: datetime
    expected_close: date | None
    fields: dict[str, object]
    closed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime | None
    deleted_at: datetime | None


class DealsOut(ListOut):
    results: list[DealOut]
