"""What the API takes and gives about companies."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from flowapp.api.crm.people.merge_schemas import LikeOut
from flowapp.api.crm.records import RecordQuery
from flowapp.api.schemas import In, ListOut, Out


class CompanyQuery(RecordQuery):
    """Which companies."""


class CompanyChangeIn(In):
    """What changes; `nom` is another name of `name`."""

    name: str = Field(default="", max_length=200, examples=["Analytical Engines"])
    nom: str = Field(default="", max_length=200)
    domain: str = Field(default="", max_length=253, examples=["acme.example"])
    pipeline_stage: str = Field(default="", max_length=100, examples=["PROPOSITION"])
    montant_potentiel: float | None = Field(default=None, description="An amount with at most four decimals.")
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")
    owner_id: str | None = Field(default=None, max_length=254, description="A member's id or e-mail address.")
    fields: dict[str, object] = Field(default_factory=dict, max_length=200)


class CompanyIn(CompanyChangeIn):
    """A company: it needs a name (or nom)."""


class CompanyOut(Out):
    """A company; `nom` is its name."""

    id: str
    number: int | None = Field(description="Counted in the organization, and taken wherever the id is.")
    name: str
    nom: str
    domain: str
    pipeline_stage: str
    montant_potentiel: float | None
    currency: str
    owner_id: str | None
    fields: dict[str, object]
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime | None
    deleted_at: datetime | None


class CompanyCreatedOut(CompanyOut):
    """The new company. `possible_duplicates` is there where it may be the same as others: a warning, it was created."""

    possible_duplicates: list[LikeOut] = Field(default_factory=list)


class CompaniesOut(ListOut):
    results: list[CompanyOut]
