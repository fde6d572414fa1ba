"""Tags and lists: what there is, how many records have it; added, renamed, deleted."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy import func, select

from flowapp.catalog import N_
from flowapp.crm import lists, tags
from flowapp.errors import InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import ContactList, ListMember, Tag
from flowapp.records.paging import PageAt, paginate
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page
from flowapp.web.texts import translated

bp = Blueprint("labels", __name__, url_prefix="/settings")
NAV = [
    Nav(46, N_("Tags"), "tags", "labels.all_tags", "/settings/tags", Role.OPERATOR, "settings"),
    Nav(48, N_("Lists"), "list", "labels.all_lists", "/settings/lists", Role.OPERATOR, "settings"),
]
SIZE = 50


@bp.get("/tags")
@access(Role.OPERATOR)
def all_tags() -> Response:
    """Every tag, by name."""
    return _tags()


def _tags(problem: str = "", at: str = "", typed: str = "") -> Response:
    """`at` is the tag whose name was refused, or empty for a new one."""
    cursor = PageAt(SIZE, request.args.get("cursor"))
    found = paginate(db.session(), select(Tag), cursor, key=Tag.key, id_column=Tag.id, descending=False)
    counts = tags.counts(db.session(), [tag.id for tag in found.rows])
    return page(
        "crm/settings/tags.html", block="list", status=422 if problem else 200, found=found, counts=counts, problem=problem,
        at=at, typed=typed,
    )  # fmt: skip


@bp.post("/tags")
@access(Role.OPERATOR)
def create_tag() -> Response:
    """Adds a tag."""
    try:
        tag = tags.create(db.session(), request.form.get("name", ""))
    except InvalidError as error:
        db.session.rollback()
        return _tags(translated(error.problems[0].message), typed=request.form.get("name", ""))
    _note("tag.created", tag.id, tag.name)
    return go("labels.all_tags")


@bp.post("/tags/<uuid:tag_id>")
@access(Role.OPERATOR)
def rename_tag(tag_id: UUID) -> Response:
    """Gives a tag another name, on every record."""
    tag = tags.get(db.session(), str(tag_id))
    try:
        tags.rename(db.session(), tag, request.form.get("name", ""))
    except InvalidError as error:
        db.session.rollback()
        return _tags(translated(error.problems[0].message), str(tag_id), request.form.get("name", ""))
    _note("tag.renamed", tag.id, tag.name)
    return go("labels.all_tags")


@bp.post("/tags/<uuid:tag_id>/delete")
@access(Role.OPERATOR)
def delete_tag(tag_id: UUID) -> Response:
    """Deletes a tag, from every record too."""
    tag = tags.get(db.session(), str(tag_id))
    tags.remove(db.session(), tag)
    _note("tag.deleted", tag.id, tag.name)
    flash(_("The tag “%(name)s” was deleted.", name=tag.name), "success")
    return go("labels.all_tags")


@bp.get("/lists")
@access(Role.OPERATOR)
def all_lists() -> Response:
    """Every list, with how many contacts it has."""
    return _lists()


def _lists(error: InvalidError | None = None, at: str = "") -> Response:
    """`at` is the list whose form was refused, or empty for a new one."""
    rows = db.session.scalars(select(ContactList).order_by(ContactList.name)).all()
    counted = db.session.execute(select(ListMember.list_id, func.count()).group_by(ListMember.list_id))
    problems = {problem.path: translated(problem.message) for problem in error.problems} if error else {}
    return page(
        "crm/settings/lists.html", status=422 if error else 200, lists=rows, counts={row[0]: row[1] for row in counted},
        problems=problems, at=at, typed=request.form,
    )  # fmt: skip


@bp.post("/lists")
@access(Role.OPERATOR)
def create_list() -> Response:
    """Adds a list."""
    try:
        row = lists.create(db.session(), _typed())
    except InvalidError as error:
        db.session.rollback()
        return _lists(error)
    _note("list.created", row.id, row.name)
    return go("labels.all_lists")


@bp.post("/lists/<uuid:list_id>")
@access(Role.OPERATOR)
def change_list(list_id: UUID) -> Response:
    """Changes name and description."""
    row = lists.find(db.session(), str(list_id))
    try:
        lists.change(db.session(), row, _typed())
    except InvalidError as error:
        db.session.rollback()
        return _lists(error, str(list_id))
    _note("list.changed", row.id, row.name)
    return go("labels.all_lists")


@bp.post("/lists/<uuid:list_id>/delete")
@access(Role.OPERATOR)
def delete_list(list_id: UUID) -> Response:
    """Deletes a list; its contacts stay."""
    row = lists.find(db.session(), str(list_id))
    lists.remove(db.session(), row)
    _note("list.deleted", row.id, row.name)
    flash(_("The list “%(name)s” was deleted.", name=row.name), "success")
    return go("labels.all_lists")


def _typed() -> dict[str, object]:
    return {name: request.form[name] for name in ("name", "description") if name in request.form}


def _note(action: str, row_id: str, name: str) -> None:
    audit(db.session(), action, actor=g.actor.audit, target=(action.partition(".")[0], row_id, name))
    db.session.commit()
