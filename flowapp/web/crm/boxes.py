"""Forms of a record's fields: the box of each, begun with what is stored, and what the service is given of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import wtforms
from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms.fields.choices import SelectChoice

from flowapp.crm import links
from flowapp.data.columns import as_text
from flowapp.errors import InvalidError, Problem
from flowapp.models import Company, Contact, Deal, Member, Tag, User, read_id
from flowapp.models.crm.nouns import RECORDS
from flowapp.web.crm.nouns import NOUNS, RecordField, title_of
from flowapp.web.crm.pipelines import every_pipeline
from flowapp.web.forms.field import Posted
from flowapp.web.forms.page import FieldsForm
from flowapp.web.forms.user_fields import box, select_box
from flowapp.web.locale import placed, zone_text
from flowapp.web.texts import label_of

_OWN = "own-"
MOST = 500  # tags that a box offers


def form_of(
    session: Session, fields: Sequence[RecordField], stored: Mapping[str, object], posted: Posted | None = None
) -> FieldsForm:
    """A box for each field. `stored` has the values by the names that the services know."""
    built = {one.box: _box(session, one) for one in fields}
    shown = {one.box: _shown(session, one, stored.get(one.name)) for one in fields}
    required = [one.box for one in fields if one.required]
    return FieldsForm(built, posted, shown, required=required)


def given(session: Session, fields: Sequence[RecordField], typed: Mapping[str, object]) -> dict[str, object]:
    """What was typed, as the services take it: custom fields under `fields`; times in the reader's zone.

    InvalidError where it names a record that is not there.
    """
    data: dict[str, object] = {}
    own: dict[str, object] = {}
    for one in fields:
        value = typed.get(one.box)
        if one.kind == "relation":
            value = links.read_link(one.target)(session, value, one.box)
        elif one.kind == "datetime":
            value = placed(str(value or ""))
        (own if one.own else data)[one.name] = value
    return {**data, "fields": own} if own else data


def at_boxes(error: InvalidError) -> InvalidError:
    """The problems of a service at the boxes of the form."""
    found = [Problem(problem.path.replace("fields.", _OWN, 1), problem.message) for problem in error.problems]
    return InvalidError(found)


def member_choices(session: Session) -> dict[str, str]:
    """The members of the organization, by id."""
    people = session.execute(select(User.id, User.name).join(Member, Member.user_id == User.id).order_by(User.name))
    return {row.id: row.name for row in people}


def tag_names(session: Session) -> list[str]:
    """The first tags by name."""
    return list(session.scalars(select(Tag.name).order_by(Tag.key).limit(MOST)))


def mentionable(session: Session) -> list[dict[str, str]]:
    """The members, and how a note names each: by the name where that is one word, else by the address."""
    people = session.execute(
        select(User.email, User.name).join(Member, Member.user_id == User.id).order_by(User.name)
    ).all()
    names = [row.name.replace(" ", "") for row in people]
    return [
        {"name": row.name, "handle": name if name.isidentifier() and names.count(name) == 1 else row.email}
        for row, name in zip(people, names, strict=True)
    ]


def reference(session: Session, kind: str, record_id: object) -> str:
    """How a box names another record: as a person would, where that names only this one."""
    known = read_id(str(record_id)) if record_id else None
    record = session.get(RECORDS[kind], known) if known else None
    if record is None or record.deleted_at:
        return ""
    if isinstance(record, Contact):
        return record.email or str(record.number)
    if isinstance(record, Deal):
        return str(record.number)
    if not isinstance(record, Company):
        return ""
    same_name = session.scalars(select(Company.id).where(Company.name == record.name).limit(2)).all()
    return title_of(record) if len(same_name) == 1 else str(record.number)


def target_of(one: RecordField) -> str:
    """The kind of record that the field leads to; empty: to none."""
    return "company" if one.kind == "company" else one.target if one.kind == "relation" else ""


def _stages(session: Session) -> dict[str, str]:
    """The stages that a new deal may begin in, by id."""
    every = every_pipeline(session)
    named = [
        (stage, f"{one.name}: {stage.name}" if len(every) > 1 else stage.name) for one in every for stage in one.stages
    ]
    return {stage.id: name for stage, name in named if stage.kind != "lost"}


def _shown(session: Session, one: RecordField, value: object) -> object:
    if target := target_of(one):
        return reference(session, target, value)
    if one.kind == "multiple_choice":
        return value if isinstance(value, list) else []
    if one.kind == "emails":
        return "\n".join(value) if isinstance(value, list) else ""
    return zone_text(str(value)) if one.kind == "datetime" and value else as_text(value)


def _box(session: Session, one: RecordField) -> wtforms.Field:
    label = label_of(one)
    if one.kind == "multiple_choice":
        choices = [SelectChoice(option, option) for option in one.options]
        return wtforms.SelectMultipleField(label, choices=choices, default=[], validate_choice=False)
    if (options := _options(session, one)) is not None:
        always = one.kind == "stage" or (one.kind == "choice" and not one.own)
        return select_box(label, options, None if always else _("Nobody") if one.kind == "member" else "—")
    if target := target_of(one):
        return box("text", label, "", **suggesting(target))
    return box(_KINDS.get(one.kind, one.kind), label, "", **_ATTRIBUTES.get(one.kind, {}))


def _options(session: Session, one: RecordField) -> dict[str, str] | None:
    """What may be chosen; None where it is typed."""
    if one.kind == "member":
        return member_choices(session)
    if one.kind == "stage":
        return _stages(session)
    if one.kind == "stage_name":
        return {stage.name: stage.name for pipeline in every_pipeline(session) for stage in pipeline.stages}
    if one.kind == "choice":
        return {value: text if one.own else _(text) for value, text in one.options.items()}
    return {"true": _("Yes"), "false": _("No")} if one.kind == "boolean" else None


def suggesting(target: str) -> dict[str, str]:
    """The attributes of a box that suggests records while somebody types."""
    return {
        "list": f"known-{target}",
        "autocomplete": "off",
        "hx-get": url_for(f"{NOUNS[target].plural}.known"),
        "hx-trigger": "focus once, input changed delay:150ms",
        "hx-target": f"#known-{target}",
        "hx-swap": "innerHTML",
    }


_KINDS = {
    "emails": "long_text",
    "money": "number",
    "currency": "text",
    "language": "text",
    "timezone": "text",
    "domain": "text",
}
_ATTRIBUTES: Mapping[str, dict[str, str]] = {
    "currency": {"maxlength": "3", "list": "known-currency"},
    "language": {"list": "known-language"},
    "timezone": {"list": "known-timezone"},
    "url": {"inputmode": "url", "placeholder": "https://"},
    "domain": {"inputmode": "url", "placeholder": "example.com"},
}
