"""What the API takes and gives about contacts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from flowapp.api.crm.people.merge_schemas import LikeOut
from flowapp.api.crm.records import RecordQuery
from flowapp.api.schemas import In, ListOut, Out
from flowapp.catalog.times import timezones


class _Zones:
    """The zones of the IANA database, and none."""

    def __get_pydantic_json_schema__(self, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, object]:
        return {"type": "string", "enum": ["", *timezones()]}


Email = Annotated[str, Field(min_length=3, max_length=254, json_schema_extra={"format": "email"})]
# Nothing takes it away: a contact may have a phone number or a name alone.
EmailOrNone = Annotated[str, Field(max_length=254, json_schema_extra={"format": "email"})]
Timezone = Annotated[str, _Zones()]


class ContactQuery(RecordQuery):
    """Which contacts."""

    email: str = Field(default="", max_length=254, description="The one with this address.")
    list: str = Field(default="", max_length=64, description="Id of a list that they are in.")


class ContactChangeIn(In):
    """What changes. `timezone` (empty: the organization's) is where waits count their hours; `fields` are your own."""

    email: EmailOrNone = Field(default="", description="The primary address.")
    emails: list[Email] = Field(
        default_factory=list, max_length=20, description="All addresses, the primary one first. Each finds the contact."
    )
    first_name: str = Field(default="", max_length=200)
    last_name: str = Field(default="", max_length=200)
    phone: str = Field(default="", max_length=40, description="Kept as E.164 writes it: +33123456789.")
    language: str = Field(default="", max_length=6, description="A code such as en or fr-CA.")
    timezone: Timezone = ""
    score: int = Field(default=0, ge=-(10**9), le=10**9)
    consent: Literal["unknown", "granted", "denied"] = "unknown"
    owner_id: str | None = Field(default=None, max_length=254, description="A member's id or e-mail address.")
    company_id: str | None = Field(default=None, max_length=253, description="A company's id, number, domain or name.")
    fields: dict[str, object] = Field(default_factory=dict, max_length=200)


class ContactIn(ContactChangeIn):
    """A contact: an address, a phone number or a name at least. Nobody else of the organization has its addresses."""


class ContactOut(Out):
    """A contact; `name` is the full one, else the address, else the phone number."""

    id: str
    number: int | None = Field(description="Counted in the organization, and taken wherever the id is.")
    email: str = Field(description="The primary address; empty where there is none.")
    emails: list[str]
    first_name: str
    last_name: str
    name: str
    phone: str
    language: str
    timezone: str
    score: int
    consent: str
    owner_id: str | None
    company_id: str | None
    fields: dict[str, object]
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime | None
    deleted_at: datetime | None


class ContactCreatedOut(ContactOut):
    """The new contact. `possible_duplicates` is there where it may be the same as others: a warning, it was created."""

    possible_duplicates: list[LikeOut] = Field(default_factory=list)


class ContactsOut(ListOut):
    results: list[ContactOut]
