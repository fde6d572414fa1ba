"""Steps of which nobody knows whether they took effect: a person looks, and decides, one by one or several at once."""

from __future__ import annotations

from typing import Literal

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import Session
from wtforms.validators import ValidationError

from flowapp import events, tasks
from flowapp.engine.store import control
from flowapp.errors import ConflictError
from flowapp.executions import dead_letters
from flowapp.extensions import db
from flowapp.models import Execution, Workflow, read_id
from flowapp.records.paging import PageAt
from flowapp.security.roles import Role
from flowapp.web import access, go, page
from flowapp.web.forms.json_text import JsonTextField
from flowapp.web.forms.page import PageForm, text

bp = Blueprint("uncertain", __name__, url_prefix="/executions/uncertain")
MOST = 200
Decision = Literal["resend", "done"]


class ReviewForm(PageForm):
    """The chosen steps, what is decided for all of them, and the result of those that are treated as done."""

    chosen = wtforms.SelectMultipleField(choices=(), validate_choice=False)
    decision = text()
    result = JsonTextField(
        _l("Result as JSON"),
        empty=None,
        description=_l("What later steps see as the result of the step. Leave empty for none."),
        render_kw={"rows": 4},
    )

    @property
    def attempts(self) -> list[tuple[str, int]]:
        """Execution and number of each chosen attempt."""
        return [attempt for chosen in (self.chosen.data or ())[:MOST] if (attempt := _attempt(chosen))]

    def validate_decision(self, field: wtforms.Field) -> None:
        """One of the two buttons."""
        if field.data not in ("resend", "done"):
            raise ValidationError(_("Choose “Send again” or “Treat as done”."))

    def validate_chosen(self, _field: wtforms.Field) -> None:
        """At least one that can be decided."""
        if not self.attempts:
            raise ValidationError(_("Select at least one step."))


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """What waits for a decision, oldest first."""
    return _page(ReviewForm())


def _page(form: ReviewForm, status: int = 200) -> Response:
    undecided, _cursors = dead_letters.undecided(db.session(), PageAt(MOST))
    return page("executions/uncertain.html", status=status, undecided=undecided, form=form, most=MOST)


@bp.post("")
@access(Role.OPERATOR)
def decide() -> Response:
    """Decides the chosen ones in the same way. Those that were decided meanwhile are left as they are."""
    form = ReviewForm(request.form)
    if not form.validate():
        return _page(form, 422)
    decision: Decision = "resend" if form.decision.data == "resend" else "done"
    result = form.result.value if decision == "done" else None
    attempts = form.attempts
    decided = [attempt for attempt in attempts if _decide(*attempt, decision, result)]
    if decided:
        flash(ngettext("%(num)s step resolved.", "%(num)s steps resolved.", len(decided)), "success")
    if len(decided) < len(attempts):
        flash(_("Some had been resolved in the meantime and were left as they are."), "info")
    return go("uncertain.index")


def _attempt(name: str) -> tuple[str, int] | None:
    """Execution and number of an attempt, as the page names it."""
    execution_id, _colon, seq = name.partition(":")
    known_id = read_id(execution_id)
    return (known_id, int(seq)) if known_id and seq.isdecimal() and len(seq) < 10 else None


def _decide(execution_id: str, seq: int, decision: Decision, result: object) -> bool:
    session: Session = db.session()
    execution = session.get(Execution, execution_id)
    if execution is None:
        return False
    try:
        control.decide(session, execution, seq, decision, result=result)
    except ConflictError:
        session.rollback()
        return False
    label = session.get_one(Workflow, execution.workflow_id).name
    events.audit(
        session,
        "execution.decided",
        actor=g.actor.audit,
        target=("execution", execution.id, label),
        details={"seq": seq, "decision": decision},
    )
    tasks.commit_and_wake(session, execution)
    return True
