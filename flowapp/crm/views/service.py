"""Saved views: made, changed, shared, deleted, and begun with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from flowapp.crm import finding, reading
from flowapp.crm.views import fields
from flowapp.crm.views.reader import Reader
from flowapp.crm.writing import save
from flowapp.engine.language.condition_parser import normalize
from flowapp.errors import ForbiddenError, InvalidError, NotFoundError, UnsuitableError
from flowapp.models import VIEW_LAYOUTS, VIEW_OBJECTS, View, ViewDefault, iso, read_id
from flowapp.models.crm.nouns import MODELS
from flowapp.texts import say
from flowapp.values.text import folded

MOST = 200  # views of one member
MOST_COLUMNS = 30
DEFAULTS = ("", "me", "everyone")
Data = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ViewMember:
    """Who works with views: a member, and whether shared ones are theirs to change."""

    id: str
    may_share: bool = False


def visible(me: ViewMember, noun: str = "") -> ColumnElement[bool]:
    """What holds for the views that a member sees."""
    mine = or_(View.shared, View.owner_id == me.id)
    return mine & (View.noun == noun) if noun else mine


def of(session: Session, me: ViewMember, noun: str) -> Sequence[View]:
    """The views of a noun's list that a member sees, by name."""
    return session.scalars(select(View).where(visible(me, noun)).order_by(View.key, View.id)).all()


def get(session: Session, me: ViewMember, view_id: str, noun: str = "") -> View:
    """The view with that id. NotFoundError where there is none, or it is somebody else's own."""
    known = read_id(view_id)
    view = session.scalar(select(View).where(View.id == known, visible(me, noun))) if known else None
    if view is None:
        raise NotFoundError(say("There is no such view."))
    return view


def begun_with(session: Session, me: ViewMember, noun: str) -> View | None:
    """The view that a member begins with: the one they chose, else the organization's."""
    chosen = select(ViewDefault.view_id).where(ViewDefault.user_id == me.id, ViewDefault.noun == noun)
    mine = session.scalar(select(View).where(View.id.in_(chosen), visible(me, noun)))
    return mine or session.scalar(select(View).where(View.is_default, visible(me, noun)))


def create(session: Session, me: ViewMember, data: Data) -> View:
    """A new view. InvalidError names what is wrong with it."""
    clean = reading.read(session, data, _READERS)
    if missing := next((name for name in ("object", "name") if not clean.get(name)), ""):
        raise InvalidError.at(missing, say("This field is required."))
    own = session.scalar(select(func.count()).select_from(View).where(View.owner_id == me.id)) or 0
    if own >= MOST:
        raise UnsuitableError.at("name", say("One member can have at most %(max)s views.", max=MOST))
    view = View(noun=str(clean["object"]), name="", key="", search={}, columns=[], layout="list", shared=False)
    view.is_default, view.owner_id = False, me.id
    return _write(session, me, view, clean)


def change(session: Session, me: ViewMember, view: View, data: Data) -> View:
    """Changes what `data` names."""
    if data.get("object", view.noun) != view.noun:
        raise InvalidError.at("object", say("This cannot be changed: make another view."), "fixed")
    _refuse_others(me, view)
    return _write(session, me, view, reading.read(session, data, _READERS))


def remove(session: Session, me: ViewMember, view: View) -> None:
    """Deletes a view; the records stay."""
    _refuse_others(me, view)
    session.delete(view)
    session.flush()


def begin_with(session: Session, me: ViewMember, view: View, who: str) -> None:
    """Makes it what the member begins with (`me`), or `everyone`; empty: no longer either."""
    if who == "everyone":
        if not view.shared:
            raise InvalidError.at("default", say("Share the view first: the others cannot see it."))
        _refuse_sharing(me)
        session.execute(update(View).where(View.noun == view.noun, View.is_default).values(is_default=False))
    if view.is_default and who != "everyone":
        _refuse_sharing(me)
    view.is_default = who == "everyone"
    session.execute(delete(ViewDefault).where(ViewDefault.user_id == me.id, ViewDefault.noun == view.noun))
    if who == "me":
        session.add(ViewDefault(user_id=me.id, noun=view.noun, view_id=view.id))
    session.flush()


def view_json(view: View, mine: Mapping[str, str]) -> dict[str, object]:
    """The view as answers print it; `mine` are the views that the reader begins with, by noun."""
    search = {name: value for name, value in view.search.items() if name not in ("filter", "sort")}
    names = ("id", "name", "columns", "layout", "shared", "owner_id")
    return {
        **{name: getattr(view, name) for name in names},
        "object": view.noun,
        "search": search,
        "filter": view.search.get("filter", {}),
        "sort": view.search.get("sort", finding.DEFAULT_SORT),
        "default": "me" if mine.get(view.noun) == view.id else "everyone" if view.is_default else "",
        "created_at": iso(view.created_at),
        "updated_at": iso(view.updated_at),
    }


def chosen(session: Session, me: ViewMember) -> dict[str, str]:
    """The views that a member begins with, by noun."""
    rows = session.execute(select(ViewDefault.noun, ViewDefault.view_id).where(ViewDefault.user_id == me.id))
    return {row.noun: row.view_id for row in rows}


def asked(view: View | None, given: Data) -> dict[str, object]:
    """What a list is asked for: what an address says goes before what the view says."""
    own = {name: given[name] for name in finding.NAMES if name in given}
    return {**(view.search if view else {}), **own}


def _write(session: Session, me: ViewMember, view: View, clean: Data) -> View:
    if clean.get("shared", view.shared) != view.shared or (view.shared and clean):
        _refuse_sharing(me)
    if view.is_default and clean.get("shared") is False:
        view.is_default = False
    for name in ("name", "layout", "shared", "columns"):
        setattr(view, name, clean.get(name, getattr(view, name)))
    view.key = folded(view.name)
    with session.no_autoflush:  # save() writes it, and says which value is taken
        view.search = _search(session, me, view, clean)
        _refuse_columns(Reader(session, me.id), view)
    if view.layout == "board" and view.noun != "deal":
        raise InvalidError.at("layout", say("Only deals have a board."))
    save(session, view, ("name", say("There is a view with this name.")))
    if "default" in clean:
        begin_with(session, me, view, str(clean["default"]))
    return view


def _search(session: Session, me: ViewMember, view: View, clean: Data) -> dict[str, object]:
    """What is stored: as it was asked, with “me” in it, once it has been read without a fault."""
    asked: dict[str, object] = {**view.search}
    if "search" in clean:
        asked = {**_texts(session, clean["search"]), **{name: asked.get(name) for name in ("filter", "sort")}}
    asked |= {name: clean[name] for name in ("filter", "sort") if name in clean}
    asked = {name: value for name, value in asked.items() if value}
    if clean.keys() & {"search", "filter", "sort"}:  # what was stored may have been right once
        finding.read(session, MODELS[view.noun], asked, me.id)
    return asked | ({"filter": normalize(asked["filter"])} if "filter" in asked else {})


def _texts(session: Session, value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidError.at("search", say("Give the search as an object: {…}."))
    known = [name for name in finding.NAMES if name not in ("filter", "sort")]
    if unknown := next((name for name in value if name not in known), None):
        names = ", ".join(known)
        raise InvalidError.at(
            f"search.{str(unknown)[:50]}", say("A search has one of these: %(names)s.", names=names), "unknown"
        )
    return {name: reading.text_of(200)(session, value[name], f"search.{name}") for name in known if name in value}


def _refuse_columns(reader: Reader, view: View) -> None:
    known = fields.of(reader, view.noun)
    for at, name in enumerate(view.columns):
        if name not in known or not known[name].shown:
            raise InvalidError.at(f"columns.{at}", say("There is no column “%(name)s”.", name=name[:100]), "unknown")


def _refuse_others(me: ViewMember, view: View) -> None:
    if view.shared:
        _refuse_sharing(me)


def _refuse_sharing(me: ViewMember) -> None:
    if not me.may_share:
        raise ForbiddenError(say("Shared views are changed by operators and above. Save a view of your own."))


def _columns(_session: Session, value: object, path: str) -> list[str]:
    names = value if isinstance(value, list) else reading.plain_text(value, path).split(",")
    texts = [reading.plain_text(name, path).strip() for name in names]
    found = list(dict.fromkeys(name for name in texts if name))
    if len(found) > MOST_COLUMNS:
        raise InvalidError.at(path, say("Choose at most %(max)s columns.", max=MOST_COLUMNS))
    return found


def _as_it_is(_session: Session, value: object, _path: str) -> object:
    return value


def _yes(session: Session, value: object, path: str) -> bool:
    return bool(reading.column("boolean")(session, value, path))


_READERS: Mapping[str, reading.Reader] = {
    "object": reading.choice_of(VIEW_OBJECTS),
    "name": reading.text_of(100, required=True),
    "search": _as_it_is,
    "filter": _as_it_is,
    "sort": reading.text_of(100),
    "columns": _columns,
    "layout": reading.choice_of(VIEW_LAYOUTS),
    "shared": _yes,
    "default": reading.choice_of(DEFAULTS),
}
