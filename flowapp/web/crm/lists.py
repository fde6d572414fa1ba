"""The list of a noun's records, what its boxes suggest, and its trash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from flask import Blueprint, Response, g, request
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp.crm import finding, tags
from flowapp.crm.finding import Search
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.models import Tag
from flowapp.records.paging import PageAt, read_page
from flowapp.security.roles import Role
from flowapp.web.crm.boxes import member_choices, reference
from flowapp.web.crm.nouns import Noun, R
from flowapp.web.crm.record import declared
from flowapp.web.render import page
from flowapp.web.texts import translated

Select = dict[str, object]
SIZE = 50
SUGGESTED = 12
MINE = "me"


class ListPages(Generic[R]):
    """The routes of a noun's list, as its blueprint mounts them. `path` is where the list stands, under `endpoint`."""

    def __init__(self, noun: Noun[R], more: Callable[[], list[Select]] = list) -> None:
        self.noun, self.more = noun, more

    def mount(self, bp: Blueprint, path: str = "", endpoint: str = "index") -> None:
        """Adds the routes to the noun's blueprint."""
        bp.add_url_rule(path, endpoint, declared(self.index, Role.VIEWER), methods=["GET"])
        bp.add_url_rule("/known", "known", declared(self.known, Role.VIEWER), methods=["GET"])

    def index(self) -> Response:
        """The list. A sorting that there is not (an old link) is said, and the newest are shown first."""
        session, search, at = db.session(), asked(), PageAt(SIZE, number=read_page(request.args.get("cursor")))
        model, problem, members = self.noun.model, "", member_choices(session)
        try:
            found = finding.find(session, model, search, request.args.get("sort") or "-created_at", at)
        except InvalidError as error:
            problem = translated(error.problems[0].message)
            found = finding.find(session, model, search, "-created_at", at)
        return page(
            "crm/list.html",
            block="list",
            noun=self.noun,
            found=found,
            problem=problem,
            search=search,
            members=members,
            selects=[
                *_selects(members),
                *self.more(),
                {"name": "trash", "label": _("Trash"), "choices": [("1", _("Only deleted"))]},
            ],
            record_tags=tags.of_many(session, model, [record.id for record in found.rows]),
            can_write=g.actor.role >= Role.OPERATOR,
        )

    def known(self) -> Response:
        """What a box suggests for what is typed: the only argument, whatever it is called."""
        typed = next(iter(request.args.values()), "")[:200]
        at = PageAt(SUGGESTED, number=1)
        found = finding.find(db.session(), self.noun.model, Search(text=typed), "-created_at", at)
        options = [
            (reference(db.session(), self.noun.name, record.id), self.noun.title(record)) for record in found.rows
        ]
        return page("crm/_options.html", options=options)


def _selects(members: dict[str, str]) -> list[Select]:
    names = db.session.scalars(select(Tag.name).order_by(Tag.key).limit(500)).all()
    mine: Select = {"name": "owner", "label": _("Owner"), "choices": [(MINE, _("Mine")), *members.items()]}
    return [mine, *([{"name": "tag", "label": _("Tag"), "choices": [(name, name) for name in names]}] if names else [])]


def asked() -> Search:
    """What the address asks for; `owner=me` is the reader."""
    args = request.args
    owner = args.get("owner", "")
    return Search(
        text=args.get("q", "")[:200],
        owner_id=g.actor.user.id if owner == MINE else owner,
        tag=args.get("tag", ""),
        list_id=args.get("list", ""),
        stage_id=args.get("stage", ""),
        status=args.get("status", ""),
        trashed=bool(args.get("trash")),
    )
