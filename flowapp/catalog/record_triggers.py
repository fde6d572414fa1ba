"""What triggers about records have in common: which change they are for, and what their events look like."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, ValidationInfo, field_validator
from pydantic.config import JsonDict

from flowapp.catalog.params import N_, Others, Params, ui
from flowapp.texts import say
from flowapp.values.text import folded, slug

_ID = "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11"
_CONTACT = {"id": _ID, "name": "Ada Lovelace", "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}
_COMPANY = {"id": _ID, "name": "Analytical Engines", "nom": "Analytical Engines", "montant_potentiel": 60000}
_DEAL = {
    "id": _ID,
    "title": "Engine No. 2",
    "value": 12000,
    "montant": 12000,
    "currency": "EUR",
    "pipeline": "Deals",
    "stage": "SIGNÉ",
}
_TASK = {"id": _ID, "title": "Call Ada", "type": "call", "done": True}
_FLAT = {"contact_id": _ID, "contact_name": "Ada Lovelace", "contact_email": "ada@example.com", "owner_id": _ID}
CONTACT_NAMES: Mapping[str, object] = {"contact": _CONTACT, **_FLAT}
CONTACT_SAMPLE: Mapping[str, object] = {**CONTACT_NAMES, "changes": {}}
CHANGE_ALIASES = {"field": "fields", "from_value": "from", "to_value": "to"}
COMPANY_SAMPLE: Mapping[str, object] = {
    "company": _COMPANY, "company_id": _ID, "company_name": "Analytical Engines", "owner_id": _ID, "changes": {},
}  # fmt: skip
DEAL_SAMPLE: Mapping[str, object] = {
    "deal": _DEAL, "deal_id": _ID, "deal_title": "Engine No. 2", "contact": _CONTACT, "company": _COMPANY, **_FLAT,
    "changes": {},
}  # fmt: skip
TASK_SAMPLE: Mapping[str, object] = {
    "task": _TASK, "task_id": _ID, "task_title": "Call Ada", **_FLAT, "changes": {"done": {"old": False, "new": True}},
}  # fmt: skip


def changed(sample: Mapping[str, object], **changes: tuple[object, object]) -> dict[str, object]:
    """The sample of an event about a change: by field the value before and after."""
    return {**sample, "changes": {name: {"old": old, "new": new} for name, (old, new) in changes.items()}}


def changed_fields(resource: str, others: Others = "wrong") -> JsonDict:
    """The fields of a change: of this resource (catalog.resources)."""
    return ui(
        N_("Fields"), N_("Leave empty for any change."), widget="lines", plain=True, resource=resource, others=others
    )  # fmt: skip


class ChangeParams(Params):
    """Which fields, and from which value to which. `from` and `to` are of the one field named."""

    fields: list[str] = Field([], max_length=50)
    from_: str | None = Field(
        None,
        alias="from",
        max_length=300,
        json_schema_extra=ui(N_("From"), N_("The value before. Leave empty for any."), plain=True),
    )
    to: str | None = Field(
        None,
        max_length=300,
        json_schema_extra=ui(N_("To"), N_("The value afterwards. Leave empty for any."), plain=True),
    )

    @field_validator("fields", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.replace("\n", ",").split(",") if part.strip()]
        return value

    @field_validator("from_", "to", mode="before")
    @classmethod
    def _as_text(cls, value: object, _info: ValidationInfo) -> object:
        return shown(value) if isinstance(value, bool | int | float) else value


class TagParams(Params):
    """Which tag."""

    tag: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(N_("Tag"), N_("Leave empty for any tag."), plain=True, resource="tag", others="doubtful"),
    )


class ListParams(Params):
    """Which list."""

    list: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(N_("List"), N_("Leave empty for any list."), plain=True, resource="list"),
    )


class PipelineParams(Params):
    """In which pipeline."""

    pipeline: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(N_("Pipeline"), N_("Leave empty for any pipeline."), plain=True, resource="pipeline"),
    )


def shown(value: object) -> str:
    """A JSON value as a person would enter it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def same(value: object, wanted: str | None) -> bool:
    """Whether a value is the one that was entered, in any case; nothing entered is any value."""
    return wanted is None or not wanted.strip() or folded(shown(value)) == folded(wanted.strip())


def named(wanted: str, *names: object) -> bool:
    """Whether one of these (a name, an id, a number) is meant, also written as a slug; nothing entered means any."""
    if not wanted.strip():
        return True
    known = [shown(name) for name in names if name is not None]
    return folded(wanted.strip()) in map(folded, known) or slug(wanted, "-") in [
        slug(name, "-") for name in known if name
    ]


def payload_of(event: Mapping[str, object]) -> Mapping[str, object]:
    """What the event carries."""
    payload = event["payload"]
    return payload if isinstance(payload, dict) else {}


def view_of(event: Mapping[str, object], name: str) -> Mapping[str, object]:
    """What the event says of a record."""
    view = payload_of(event).get(name)
    return view if isinstance(view, dict) else {}


def is_named(wanted: str, event: Mapping[str, object], *names: str) -> bool:
    """Whether one of these values of the payload is meant; nothing entered means any."""
    return named(wanted, *(payload_of(event).get(name) for name in names))


def is_tag(config: TagParams, event: Mapping[str, object]) -> bool:
    """Whether it is the tag that is meant."""
    return is_named(config.tag, event, "tag", "tag_id")


def is_list(config: ListParams, event: Mapping[str, object]) -> bool:
    """Whether it is the list that is meant."""
    return is_named(config.list, event, "list", "list_slug", "list_id")


def in_pipeline(config: PipelineParams, event: Mapping[str, object]) -> bool:
    """Whether the deal is in the pipeline that is meant."""
    deal = view_of(event, "deal")
    return named(config.pipeline, deal.get("pipeline"), deal.get("pipeline_id"))


def changes_of(event: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    """By field what changed: {"old", "new"}."""
    changes = payload_of(event).get("changes")
    return changes if isinstance(changes, dict) else {}


def is_change(config: ChangeParams, event: Mapping[str, object]) -> bool:
    """Whether one of the fields changed, from the one value to the other."""
    changes = changes_of(event)
    names = [name.removeprefix("fields.").rpartition(".")[2] for name in config.fields] or list(changes)
    return any(
        same(changes[name]["old"], config.from_) and same(changes[name]["new"], config.to)
        for name in names
        if name in changes
    )


def summary(config: ChangeParams) -> str:
    """The change in a few words."""
    return " ".join(
        part
        for part in (
            ", ".join(config.fields),
            config.from_ and say("from %(value)s", value=config.from_),
            config.to and say("to %(value)s", value=config.to),
        )
        if part
    )
