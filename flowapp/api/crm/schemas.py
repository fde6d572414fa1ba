"""What the API takes and gives about contacts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from flowapp.api.schemas import In, ListOut, Out, PageQuery
from flowapp.catalog.times import timezones


class _Zones:
    """The zones of the IANA database, and none."""

    def __get_pydantic_json_schema__(self, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, object]:
        return {"type": "string", "enum": ["", *timezones()]}


Email = Annotated[str, Field(min_length=3, max_length=254, json_schema_extra={"format": "email"})]
Timezone = Annotated[str, _Zones()]


class ContactQuery(PageQuery):
    """Which contacts."""

    email: str = Field(default="", max_length=254, description="The one with this address.")


class ContactChangeIn(In):
    """What changes. `timezone` (empty: the organization's) is where waits count their hours; `fields` are your own."""

    email: Email = ""
    first_name: str = Field(default="", max_length=200)
    last_name: str = Field(default="", max_length=200)
    timezone: Timezone = ""
    fields: dict[str, object] = Field(default_factory=dict, max_length=200)


class ContactIn(ContactChangeIn):
    """A contact; nobody else of the organization has its address."""

    email: Email


class ContactOut(Out):
    """A contact; `name` is the full one, else the address."""

    id: str
    number: int | None = Field(description="Counted in the organization, and taken wherever the id is.")
    email: str
    first_name: str
    last_name: str
    name: str
    timezone: str
    fields: dict[str, object]
    created_at: datetime
    updated_at: datetime


class ContactsOut(ListOut):
    results: list[ContactOut]
