"""Simulating a draft: with sample or past real input, what would happen, step by step, and what would go out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import wtforms
from flask import Blueprint, Response, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError
from wtforms.widgets import DateTimeLocalInput

from flowapp import tasks
from flowapp.catalog import ACTIONS
from flowapp.catalog.times import parse_moment
from flowapp.engine.store.event_matching import recent
from flowapp.errors import InvalidError, Problem
from flowapp.exact_json import Json
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.field import Posted
from flowapp.web.forms.json_text import JsonTextField
from flowapp.web.forms.page import PageForm, text
from flowapp.web.locale import when
from flowapp.web.render import page

bp = Blueprint("simulate", __name__, url_prefix="/workflows/<uuid:workflow_id>/simulate")
MAX_INPUT = 262_144


class SimulationForm(PageForm):
    """The input, when it starts, and the contact whom it is about. `filled` says which input was put into the box."""

    filled = wtforms.HiddenField()
    source = wtforms.SelectField(_l("Input from"), validate_choice=False, render_kw={"data-refreshes": ""})
    input = JsonTextField(
        _l("Input"),
        empty={},
        longest=MAX_INPUT,
        description=_l("JSON, as the trigger would provide it."),
        render_kw={"rows": 8},
    )
    start = text(
        label=_l("Start time"),
        description=_l("Leave empty for now."),
        widget=DateTimeLocalInput(),
        filters=[str.strip],
    )
    contact = text(
        label=_l("Contact"),
        description=_l("E-mail address or id of the contact it is about. Leave empty for none."),
    )

    def __init__(self, draft: Draft, filled: str, posted: Posted | None = None) -> None:
        inputs, event = draft.inputs(), recent.find(db.session(), filled)
        if event is not None:
            inputs = [(event[0].id, _("The event of %(when)s", when=when(event[0].created_at))), *inputs]
        filled = filled if filled in dict(inputs) else inputs[0][0]
        given = event[1] if event is not None else draft.input_of(filled)[0]
        contact = str(event[1].get("contact_id") or "") if event is not None else ""
        super().__init__(posted, data={"input": given, "source": filled, "contact": contact})
        self.source.choices = [SelectChoice(key, name) for key, name in inputs]
        self.source.data = self.filled.data = filled

    @property
    def moment(self) -> datetime | None:
        """The start, in the organization's zone. None: now, or no time at all."""
        return parse_moment(self.start.data, g.organization.timezone)

    def validate_start(self, field: wtforms.Field) -> None:
        """A time, where one was written."""
        if field.data and self.moment is None:
            raise ValidationError(_("Enter a date and time, for example 2026-12-24T09:00."))


@bp.get("")
@access(Role.EDITOR)
def ask(workflow_id: UUID) -> Response:
    """The form, begun with the event that the address names, else with the draft's test data, or with an example."""
    draft = Draft(workflow_id)
    return _page(draft, SimulationForm(draft, request.args.get("event", "")))


def _filled(draft: Draft) -> Response:
    """The form with the input that was chosen in its box; nothing is simulated."""
    others = Posted([(name, value) for name, value in request.form.items(multi=True) if name != "input"])
    return _page(draft, SimulationForm(draft, request.form.get("source", ""), others))


@bp.post("")
@access(Role.EDITOR)
def run(workflow_id: UUID) -> Response:
    """Simulates, and shows what came of it below the form."""
    draft = Draft(workflow_id)
    if "_take" in request.form:
        return _filled(draft)
    form = SimulationForm(draft, request.form.get("filled", ""), request.form)
    if not form.validate():
        return _page(draft, form, status=422)
    try:
        report = tasks.simulate_workflow(
            g.organization.id,
            draft.workflow.id,
            draft.workflow.draft,
            input_data=form.input.value,
            start=form.moment,
            contact=form.contact.data,
            pins=_pins(draft),
        )
    except InvalidError as error:
        form.show(Problem(problem.path.removesuffix("_at"), problem.message) for problem in error.problems)
        return _page(draft, form, status=422)
    return _page(draft, form, report=report)


def _pins(draft: Draft) -> Json:
    """Pinned results of steps that are still there."""
    steps = {step["step_id"] for step in draft.definition["steps"]}
    kept = draft.workflow.test_data
    pins = (kept.get("pins") if kept else None) or {}
    return {step_id: result for step_id, result in pins.items() if step_id in steps}


def _page(
    draft: Draft,
    form: SimulationForm,
    *,
    report: Json | None = None,
    status: int = 200,
) -> Response:
    db.session.rollback()
    return page(
        "workflows/simulate/show.html",
        block="simulation",
        status=status,
        workflow=draft.workflow,
        form=form,
        report=report,
        pins=_pins(draft),
        icon_of=lambda kind: ACTIONS[kind].icon if kind in ACTIONS else "circle",
        label_of=lambda kind: ACTIONS[kind].label if kind in ACTIONS else kind,
    )
