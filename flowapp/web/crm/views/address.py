"""What the address of a list asks for: a saved view, and what differs from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import g, request, url_for
from flask_babel import gettext as _

from flowapp.crm import finding
from flowapp.crm.finding import Search
from flowapp.crm.views import fields, service
from flowapp.crm.views.reader import ListField, Reader
from flowapp.errors import InvalidError
from flowapp.exact_json import dump_json
from flowapp.extensions import db
from flowapp.models import View
from flowapp.models.crm.nouns import MODELS
from flowapp.security.roles import Role
from flowapp.web.crm.views.listing import LISTINGS, Listing
from flowapp.web.texts import translated

ALL = "all"  # the view that is none
LONGEST = 1900  # characters of an address that a browser is sent to
QUICK = ("q", "owner", "tag", "list", "stage", "status", "pipeline", "due", "trash")  # the boxes above a list
KEPT = (*QUICK, "sort", "filter", "columns", "view")


def me() -> service.ViewMember:
    """The reader, as views know people."""
    return service.ViewMember(g.actor.user.id, g.actor.role >= Role.OPERATOR)


@dataclass(slots=True)
class Asked:
    """What a list shows: `args` are those of its address, `given` is what they and the view ask for together. `problem`
    says what could not be read and is left out."""

    noun: str
    endpoint: str
    args: dict[str, str]
    given: Mapping[str, object]
    view: View | None
    search: Search
    known: Mapping[str, ListField]
    columns: Sequence[ListField]
    problem: str = ""

    def url(self, endpoint: str = "", **changes: str | None) -> str:
        """The address of the list, or of `endpoint`, with other arguments; None takes one away."""
        args = {name: value for name, value in {**self.args, **changes}.items() if value is not None}
        if self.layout == "board" and endpoint and endpoint not in self.listing.layouts.values():
            args["layout"] = "board"  # where the forms of conditions and views lead back to
        return url_for(endpoint or self.endpoint, _external=None, **args)

    def opening(self, view: View) -> str:
        """The address of a view, in which the boxes above the list show what it says."""
        quick = {name: str(value) for name, value in view.search.items() if name in QUICK}
        return url_for(self.listing.layouts[view.layout], _external=None, view=view.id, **quick)

    @property
    def listing(self) -> Listing:
        """What lists of the noun begin with."""
        return LISTINGS[self.noun]

    @property
    def layout(self) -> str:
        """How the records are shown: as a list, or as the board of deals."""
        return next(name for name, endpoint in self.listing.layouts.items() if endpoint == self.endpoint)

    @property
    def whole(self) -> dict[str, str]:
        """What is looked for, without the view: what that says stands in it."""
        return {
            name: value if isinstance(value, str) else dump_json(value) for name, value in self.given.items() if value
        }

    @property
    def narrows(self) -> bool:
        """Whether less is looked for than the list begins with."""
        begins = self.listing.begins
        return any(name != "sort" and value != begins.get(name) for name, value in self.whole.items())

    @property
    def chosen_columns(self) -> str:
        """The names of its columns, the main one first; empty where nobody chose them."""
        if not self.args.get("columns") and not (self.view and self.view.columns):
            return ""
        return ",".join((self.listing.main, *(column.name for column in self.columns)))

    @property
    def unopened(self) -> bool:
        """Whether the address names the view only, and the boxes above the list would not show what it says, or it is
        not shown as the view says."""
        if self.view and self.view.layout != self.layout and self.args.keys() == {"view"}:
            return True
        quick = any(self.view.search.get(name) for name in QUICK) if self.view else False
        return quick and not any(name in self.args for name in QUICK)

    @property
    def quick(self) -> dict[str, str]:
        """What the boxes above the list ask for."""
        return {name: str(self.given[name]) for name in QUICK if self.given.get(name)}

    @property
    def saved(self) -> dict[str, object]:
        """What a view would keep of it."""
        conditions = finding.conditions_of(self.given.get("filter") or {})
        return {
            "search": self.quick, "filter": conditions, "sort": self.search.sort,
            "columns": [column.name for column in self.columns], "layout": self.layout,
        }  # fmt: skip

    @property
    def differs(self) -> bool:
        """Whether the list shows something else than its view."""
        if self.view is None:
            return False
        now, kept = self.saved, self.view.search
        same = self.quick == {name: str(kept[name]) for name in QUICK if kept.get(name)}
        columns = self.view.columns or self.listing.columns
        return not (
            same
            and now["filter"] == kept.get("filter", {})
            and now["sort"] == kept.get("sort", finding.DEFAULT_SORT)
            and now["columns"] == list(columns)
        )


def asked(noun: str, endpoint: str) -> Asked:
    """What the request's address asks for. What is wrong in it (an old link, an old view) is said and left out."""
    session, args = db.session(), {name: request.args[name] for name in KEPT if name in request.args}
    view, listing = _view(noun, args.get("view", "")), LISTINGS[noun]
    given = {**({} if view else listing.begins), **service.asked(view, args)}
    search, problem = _read(noun, given)
    args = {name: value for name, value in args.items() if name not in ("filter", "sort") or value == given.get(name)}
    known = fields.of(search.reader or Reader(session, me().id), noun)
    names = args["columns"].split(",") if args.get("columns") else view.columns if view and view.columns else ()
    shown = [known[name] for name in names if name in known and known[name].shown and name != listing.main]
    columns = shown or [known[name] for name in listing.columns]
    return Asked(noun, endpoint, args, given, view, search, known, columns, problem)


def _read(noun: str, given: dict[str, object]) -> tuple[Search, str]:
    """The search, and what is wrong with what was `given`; that is taken out of it."""
    said: list[str] = []
    while True:
        try:
            return finding.read(db.session(), MODELS[noun], given, me().id), " ".join(said)
        except InvalidError as error:
            wrong = "sort" if error.problems[0].path == "sort" else "filter"
            usual = LISTINGS[noun].begins.get(wrong, "")
            if given.get(wrong, usual) == usual:
                raise
            given[wrong] = usual
            said.append(translated(error.problems[0].message))
            said.append(_("It is sorted as usual.") if wrong == "sort" else _("These conditions are left out."))


def _view(noun: str, view_id: str) -> View | None:
    return service.get(db.session(), me(), view_id, noun) if view_id and view_id != ALL else None


def beginning(noun: str, layout: str) -> View | None:
    """The view of that layout that a member begins with, where the address asks for nothing."""
    view = None if request.args else service.begun_with(db.session(), me(), noun)
    return view if view and view.layout == layout else None
