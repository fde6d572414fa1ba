"""The list of a noun's records, what its boxes suggest, and its trash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext as _

from flowapp.crm import finding
from flowapp.crm.finding import Search
from flowapp.crm.views import service
from flowapp.extensions import db
from flowapp.models.crm.base import Owned
from flowapp.records.paging import PageAt, read_page
from flowapp.security.roles import Role
from flowapp.web.crm.boxes import member_choices, reference, tag_names
from flowapp.web.crm.nouns import RECORDS, Noun, S
from flowapp.web.crm.record import declared
from flowapp.web.crm.views.address import ALL, Asked, asked, beginning, me
from flowapp.web.crm.views.cell_pages import CellPages
from flowapp.web.crm.views.cells import of_list
from flowapp.web.crm.views.filter_form import in_words
from flowapp.web.crm.views.pages import ViewPages
from flowapp.web.render import page, to_url
from flowapp.web.texts import label_of

Select = dict[str, object]
Tab = dict[str, object]  # as components/base.html draws it
SIZE = 50
SUGGESTED = 12
MINE = "me"


class Empty(NamedTuple):
    """What is said of a list without records: an icon, a title, a text, and a link with its label (empty: none)."""

    icon: str
    title: str
    text: str
    label: str
    url: str


class ListPages(Generic[S]):
    """The routes of a noun's list, as its blueprint mounts them. `path` is where the list stands, under `endpoint`."""

    def __init__(self, noun: Noun[S], more: Callable[[], list[Select]] = list) -> None:
        self.noun, self.more = noun, more

    def mount(self, bp: Blueprint, path: str = "", endpoint: str = "index") -> None:
        """Adds the routes to the noun's blueprint."""
        self.endpoint = f"{self.noun.plural}.{endpoint}"
        bp.add_url_rule(path, endpoint, declared(self.index, Role.VIEWER), methods=["GET"])
        if self.noun.name in RECORDS:  # which boxes name
            bp.add_url_rule("/known", "known", declared(self.known, Role.VIEWER), methods=["GET"])
        ViewPages(self.noun).mount(bp, endpoint)
        CellPages(self.noun).mount(bp)

    def index(self) -> Response:
        """The list. Without arguments it begins with the view that was chosen for that."""
        session, noun = db.session(), self.noun
        here = asked(noun.name, self.endpoint)
        if begun := beginning(noun.name, here.layout) or (here.view if here.unopened else None):
            return to_url(here.opening(begun))
        at = PageAt(SIZE, number=read_page(request.args.get("cursor")))
        found = finding.find(session, noun.model, here.search, at)
        trash: Select = {
            "name": "trash",
            "label": _("Deleted"),
            "none": _("hidden"),
            "choices": [("1", _("Only deleted"))],
        }
        selects = [*self._selects(here), *self.more(), trash]
        return page(
            "crm/list.html",
            block="list",
            noun=noun,
            found=found,
            here=here,
            problem=here.problem,
            search=here.search,
            empty=self.empty(here),
            tabs=self.tabs(here),
            views=service.of(session, me(), noun.name),
            may_share=me().may_share,
            in_words=in_words(here.search.filter, here.known),
            columns=[(column, label_of(column)) for column in here.columns],
            cells=of_list(session, noun, found.rows, here.columns),
            selects=[{**one, "value": here.given.get(str(one["name"]), "")} for one in selects],
            can_write=g.actor.role >= Role.OPERATOR,
        )

    def tabs(self, _here: Asked) -> list[Tab]:
        """Parts of the list that are looked at one by one."""
        return []

    def empty(self, here: Asked) -> Empty:
        """What is said of a list without records."""
        noun, texts = self.noun, here.listing
        if here.search.trashed:
            back = request.path
            return Empty(
                "trash",
                _("The trash is empty"),
                _("What is deleted stays here and can be restored."),
                _("Back to the list"),
                back,
            )
        if here.narrows:
            every = url_for(self.endpoint, _external=None, view=ALL)
            return Empty("search", _("Nothing matches"), _("Change the search or the filters."), _("Show all"), every)
        new = _(noun.new) if g.actor.role >= Role.OPERATOR else ""
        return Empty(texts.icon, _(texts.empty), _(texts.then), new, url_for(f"{noun.plural}.new", _external=None))

    def known(self) -> Response:
        """What a box suggests for what is typed: the only argument, whatever it is called."""
        typed = next(iter(request.args.values()), "")[:200]
        at = PageAt(SUGGESTED, number=1)
        found = finding.find(db.session(), self.noun.model, Search(text=typed), at)
        options = [
            (reference(db.session(), self.noun.name, record.id), self.noun.title(record)) for record in found.rows
        ]
        return page("crm/_options.html", options=options)

    def _selects(self, here: Asked) -> list[Select]:
        members = [(MINE, _("Mine")), *member_choices(db.session()).items()]
        mine: Select = {"name": "owner", "label": _(here.listing.owner), "choices": members}
        if not issubclass(self.noun.model, Owned):
            return [mine]
        names = tag_names(db.session())
        return [
            mine,
            *([{"name": "tag", "label": _("Tag"), "choices": [(name, name) for name in names]}] if names else []),
        ]
