"""What the steps about records share: which record they mean, and what they give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator
from pydantic.config import JsonDict

from flowapp.catalog import N_, Done, KeptRecord, Params, StepContext, ui
from flowapp.catalog.fields import Lines, Text
from flowapp.catalog.params import Others
from flowapp.errors import StepError
from flowapp.texts import say

Object = Literal["contact", "company", "deal"]
AnyObject = Literal["contact", "company", "deal", "task", "note"]
GROUP = N_("CRM")
OBJECTS = [("contact", N_("Contact")), ("company", N_("Company")), ("deal", N_("Deal"))]
ANY_OBJECTS = [*OBJECTS, ("task", N_("Task")), ("note", N_("Note"))]
# As they stand inside sentences.
NOUNS = (N_("contact"), N_("company"), N_("deal"), N_("task"), N_("note"))
OTHER_NAMES = {"organisation": "company", "organization": "company", "activity": "note"}
SAMPLE_ID = "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11"
RESULT = {
    "id": N_("Id of the record"),
    "created": N_("Whether the record was added"),
    "changed": N_("Whether anything was changed"),
}

_WHICH = N_("Id, number, or a contact's e-mail address. Leave empty for the one that the workflow is about.")
MEANT = N_("Leave empty for the one that the workflow is about.")
DATA_ALIASES = {"fields": "data", "values": "data", "updates": "data"}
OWNER_WORD = ("owner", N_("Owner of what the workflow is about"))
ASSIGNEES = [OWNER_WORD, ("round_robin", N_("Each in turn"))]
ASSIGNEE_WORDS = ("round robin", "round-robin")
LIST_ALIASES = {"list_id": "list", "list_name": "list", "contact_id": "contact"}
CHOOSE = ui(N_("Object"), widget="select", choices=OBJECTS)
CHOOSE_ANY = ui(N_("Object"), widget="select", choices=ANY_OBJECTS)
WHICH = ui(N_("Which one"), _WHICH, advanced=True)
CONTACT = ui(N_("Contact"), MEANT, advanced=True)
COMPANY = ui(N_("Company"), MEANT, advanced=True)
DEAL = ui(N_("Deal"), MEANT, advanced=True)
_DATA_HELP = N_("A value for each field, for example description. Custom fields go by their keys.")
ANY_DATA = ui(N_("Fields"), _DATA_HELP, widget="keyvalue", resource="{object}_field")


def data_of(noun: str) -> JsonDict:
    """The row of fields of a step that changes a record of one kind."""
    return ui(N_("Fields"), _DATA_HELP, widget="keyvalue", resource=f"{noun}_field")


def more_data_of(noun: str) -> JsonDict:
    """The fields that a step which adds such a record has no box for."""
    return ui(N_("Other fields"), _DATA_HELP, widget="keyvalue", advanced=True, resource=f"{noun}_field")


def canonical_object(value: object) -> object:
    """`organisation` is a company; names in any case."""
    text = value.strip().lower() if isinstance(value, str) else value
    return OTHER_NAMES.get(text, text) if isinstance(text, str) else text


def reference(ctx: StepContext, noun: str, given: str) -> str:
    """The record that a step means: the one that is named, else the one that the workflow is about. StepError: none."""
    found = given.strip() or ctx.crm.subject(noun)
    if not found:
        raise StepError(
            say("The workflow is not about a %(object)s. Say which one this step means.", object=say(noun)),
            permanent=True,
        )
    return found


def about(ctx: StepContext, nouns: tuple[str, ...] = ("contact", "company", "deal")) -> dict[str, object]:
    """What the workflow is about, as links of a new record."""
    return {f"{noun}_id": found for noun in nouns if (found := ctx.crm.subject(noun))}


def kept(ctx: StepContext, noun: str, result: KeptRecord) -> Done:
    """The record is the step's result; the log says what became of it."""
    record: Mapping[str, object] = result.record
    name = str(record.get("name") or record.get("title") or record.get("text") or record["id"])[:200]
    if result.created:
        ctx.log(say("Added %(object)s “%(name)s”.", object=say(noun), name=name))
    elif result.changed:
        ctx.log(say("Changed %(object)s “%(name)s”.", object=say(noun), name=name))
    else:
        ctx.log(say("Nothing to change in %(object)s “%(name)s”.", object=say(noun), name=name))
    return Done({**record, "created": result.created, "changed": result.changed})


class RecordParams(Params):
    """Which record a step means."""

    noun: Object = Field("contact", alias="object", json_schema_extra=CHOOSE)
    record: Text = Field("", max_length=254, json_schema_extra=WHICH)

    @field_validator("noun", mode="before", check_fields=False)
    @classmethod
    def _known(cls, value: object) -> object:
        return canonical_object(value)


class AnyRecordParams(Params):
    """Which record a step means, tasks and notes too."""

    noun: AnyObject = Field("contact", alias="object", json_schema_extra=CHOOSE_ANY)
    record: Text = Field("", max_length=254, json_schema_extra=WHICH)

    @field_validator("noun", mode="before", check_fields=False)
    @classmethod
    def _known(cls, value: object) -> object:
        return canonical_object(value)


class ListParams(Params):
    """Which list, and who."""

    list: Text = Field(
        min_length=1,
        max_length=200,
        json_schema_extra=ui(N_("List"), N_("Name of a list that is there."), resource="list"),
    )
    contact: Text = Field("", max_length=254, json_schema_extra=CONTACT)


def tags_of(others: Others) -> JsonDict:
    """Tags of a step, and what one is that nothing has yet."""
    return ui(N_("Tags"), widget="lines", resource="tag", others=others)


RECORD_ALIASES = {"entity_type": "object", "entity": "object", "entity_id": "record", "record_id": "record"}


class TagParams(RecordParams):
    """Tags are the same in any case; a new one is shown as it is written here."""

    tags: Lines = Field(min_length=1, max_length=50, json_schema_extra=tags_of("doubtful"))


TAG_ALIASES = {**RECORD_ALIASES, "tag": "tags", "tag_name": "tags"}
