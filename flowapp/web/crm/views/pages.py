"""What a list can be made to show: its conditions, its columns, and both saved as a view."""

from __future__ import annotations

from typing import Generic
from uuid import UUID

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from flowapp.crm import finding, pipelines
from flowapp.crm.views import service
from flowapp.crm.views.reader import ListField
from flowapp.errors import FlowError, InvalidError
from flowapp.events import audit
from flowapp.exact_json import dump_json
from flowapp.extensions import db
from flowapp.models import View, conventions_of
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.crm.nouns import Noun, S
from flowapp.web.crm.record import declared
from flowapp.web.crm.views.address import ALL, LONGEST, Asked, asked, me
from flowapp.web.crm.views.filter_form import field_choices, filter_form, row_help
from flowapp.web.crm.views.listing import LISTINGS
from flowapp.web.crm.views.notation import PlainNotation
from flowapp.web.forms.fields.conditions import ShownRule
from flowapp.web.forms.page import PageForm, text
from flowapp.web.render import page, to_url
from flowapp.web.texts import label_of, translated


class ViewForm(PageForm):
    """The name of a view, who sees it, and who begins with it."""

    name = text(label=_l("Name"))
    shared = wtforms.BooleanField(_l("Shared with all members"))
    default = wtforms.SelectField(_l("Begin with this view"), default="")


class ViewPages(Generic[S]):
    """The routes, as a noun's blueprint mounts them beside its list, `endpoint`."""

    def __init__(self, noun: Noun[S]) -> None:
        self.noun = noun

    def mount(self, bp: Blueprint, endpoint: str) -> None:
        """Adds the routes to the noun's blueprint."""
        self.endpoint = f"{self.noun.plural}.{endpoint}"
        for path, name, view in (
            ("/filter", "filter", self.filter),
            ("/columns", "columns", self.columns),
            ("/views/new", "new_view", self.new),
            ("/views/<uuid:view_id>", "view", self.change),
        ):
            bp.add_url_rule(path, name, declared(view, Role.VIEWER), methods=["GET", "POST"])
        bp.add_url_rule("/views/<uuid:view_id>/save", "save_view", declared(self.save, Role.VIEWER), methods=["POST"])
        bp.add_url_rule(
            "/views/<uuid:view_id>/delete", "delete_view", declared(self.delete, Role.VIEWER), methods=["POST"]
        )

    def filter(self) -> Response:
        """The conditions of the list; saved, they stand in its address."""
        here = self._asked()

        def named(name: str) -> ListField | None:
            return here.known.get(name.removeprefix("fields."))

        conditions = finding.conditions_of(here.given.get("filter") or {})
        stored = conditions if isinstance(conditions, dict) else {}
        form = filter_form(stored, request.form if request.method == "POST" else None)
        if request.method == "POST" and not form.acted and "_refresh" not in request.form:
            try:
                return to_url(self._filtered(here, form.data.get("filter") or {}))
            except InvalidError as error:
                form.show(error.problems)
        elif request.method == "GET" and form["filter"].group.blank:
            form["filter"].group.entries.append(ShownRule())
        return page(
            "crm/views/filter.html",
            block="tool",
            status=422 if form.errors and not form.acted else 200,
            noun=self.noun,
            here=here,
            form=form,
            field_choices=field_choices(here.known),
            row_help=lambda name: row_help(named(name)),
            label_of=lambda name: label_of(one) if (one := named(name)) else name,
        )

    def _filtered(self, here: Asked, typed: object) -> str:
        plain = PlainNotation(here.known, conventions_of(db.session()))
        conditions = plain.of(typed)
        try:
            finding.read(db.session(), self.noun.model, {"filter": conditions}, me().id)
        except InvalidError as error:
            raise plain.refused(error) from None
        url = here.url(filter=dump_json(conditions) if conditions else "" if here.view else None)
        if len(url) > LONGEST:
            raise InvalidError.at("filter", say("These are too many conditions for one list. Take some away."))
        return url

    def columns(self) -> Response:
        """Which columns the list has, and in which order."""
        here, order = self._asked(), self._order()
        if request.method == "POST" and not request.form.keys() & {"_up", "_down", "_order"}:
            chosen = [name for name in order if name in request.form.getlist("columns")]
            return to_url(here.url(columns=",".join(chosen) or None))
        shown = request.form.getlist("columns") if order else [one.name for one in here.columns]
        offered = {
            name: one for name, one in here.known.items() if one.shown and name != here.listing.main
        }  # fmt: skip
        names = [name for name in order or [*shown, *(n for n in offered if n not in shown)] if name in offered]
        items = [{"id": name, "name": label_of(offered[name]), "shown": name in shown} for name in names]
        return page("crm/views/columns.html", block="tool", noun=self.noun, here=here, items=items)

    @staticmethod
    def _order() -> list[str]:
        order = list(dict.fromkeys(request.form.getlist("order")))
        for button, step in (("_up", -1), ("_down", 1)):
            name = request.form.get(button)
            if name in order:
                at = order.index(name)
                to = max(0, min(len(order) - 1, at + step))
                order.insert(to, order.pop(at))
        return order

    def new(self) -> Response:
        """Saves what the list shows as a view."""
        here, form = self._asked(), self._form(None)
        if request.method == "POST":
            try:
                view = service.create(
                    db.session(), me(), {**self._kept(here), **self._typed(form), "object": self.noun.name}
                )
                return self._saved(view, "created")
            except FlowError as error:
                self._refused(form, error)
        return self._page(here, form, None)

    def change(self, view_id: UUID) -> Response:
        """The name of a view, who sees it, and who begins with it."""
        view = service.get(db.session(), me(), str(view_id), self.noun.name)
        here, form = self._asked(), self._form(view)
        if request.method == "POST":
            try:
                return self._saved(service.change(db.session(), me(), view, self._typed(form)), "updated")
            except FlowError as error:
                self._refused(form, error)
                view = service.get(db.session(), me(), str(view_id), self.noun.name)
        return self._page(here, form, view)

    def save(self, view_id: UUID) -> Response:
        """Keeps what the list shows now in its view."""
        view = service.get(db.session(), me(), str(view_id), self.noun.name)
        return self._saved(service.change(db.session(), me(), view, self._kept(self._asked())), "updated")

    def delete(self, view_id: UUID) -> Response:
        """Deletes a view."""
        view = service.get(db.session(), me(), str(view_id), self.noun.name)
        name = view.name
        audit(db.session(), "view.deleted", actor=g.actor.audit, target=("view", view.id, name))
        service.remove(db.session(), me(), view)
        db.session.commit()
        flash(_("The view “%(name)s” was deleted.", name=name), "success")
        return to_url(self._asked().url(view=ALL))

    def _asked(self) -> Asked:
        """The list, or the board where that is what the address came from."""
        layouts = LISTINGS[self.noun.name].layouts
        return asked(self.noun.name, layouts.get(request.args.get("layout", ""), self.endpoint))

    @staticmethod
    def _kept(here: Asked) -> dict[str, object]:
        """What a view keeps; one of a board also its pipeline, whichever becomes the default one."""
        if here.layout != "board":
            return here.saved
        pipeline = here.given.get("pipeline") or pipelines.default(db.session()).id
        return {**here.saved, "search": {**here.quick, "pipeline": pipeline}}

    def _form(self, view: View | None) -> ViewForm:
        mine = service.chosen(db.session(), me()).get(self.noun.name)
        begins = "" if view is None else "me" if mine == view.id else "everyone" if view.is_default else ""
        stored = {"name": view.name if view else "", "shared": bool(view and view.shared), "default": begins}
        form = ViewForm(request.form if request.method == "POST" else None, data=stored)
        form.default.choices = [("", _("Nobody")), ("me", _("Me")), ("everyone", _("Everyone who has chosen no other"))]
        return form

    @staticmethod
    def _typed(form: ViewForm) -> dict[str, object]:
        return {"name": form.name.data, "shared": bool(form.shared.data), "default": form.default.data or ""}

    @staticmethod
    def _refused(form: ViewForm, error: FlowError) -> None:
        db.session.rollback()
        if isinstance(error, InvalidError):
            form.refused(error)
        else:
            form.form_errors.append(translated(error.message))

    def _saved(self, view: View, verb: str) -> Response:
        audit(db.session(), f"view.{verb}", actor=g.actor.audit, target=("view", view.id, view.name))
        db.session.commit()
        flash(_("The view “%(name)s” was saved.", name=view.name), "success")
        return to_url(self._asked().opening(view))

    def _page(self, here: Asked, form: ViewForm, view: View | None) -> Response:
        wrong = bool(form.form_errors) or any(field.errors for field in form)
        return page(
            "crm/views/view.html", block="tool", status=422 if wrong else 200, noun=self.noun, here=here, form=form,
            view=view, may_share=me().may_share,
        )  # fmt: skip
