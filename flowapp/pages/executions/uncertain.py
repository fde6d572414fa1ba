"""Steps of which nobody knows whether they took effect: a person looks, and decides, one by one or several at once."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from flowapp import events, tasks
from flowapp.engine.store import control
from flowapp.errors import ConflictError, InvalidError
from flowapp.executions import dead_letters
from flowapp.extensions import db
from flowapp.models import Execution, Workflow, read_id
from flowapp.records.paging import PageAt
from flowapp.security.roles import Role
from flowapp.web import access, go, json_text, page
from flowapp.web.texts import translated

bp = Blueprint("uncertain", __name__, url_prefix="/executions/uncertain")
MOST = 200


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """What waits for a decision, oldest first."""
    return _page({})


def _page(wrong: dict[str, str], status: int = 200) -> Response:
    return page(
        "executions/uncertain.html",
        status=status,
        found=dead_letters.undecided(db.session(), PageAt(MOST))[0],
        chosen=request.form.getlist("chosen"),
        result=request.form.get("result", ""),
        wrong=wrong,
        most=MOST,
    )


@bp.post("")
@access(Role.OPERATOR)
def decide() -> Response:
    """Decides the chosen ones in the same way. Those that were decided meanwhile are left as they are."""
    decision = request.form.get("decision")
    chosen = [attempt for text in request.form.getlist("chosen")[:MOST] if (attempt := _attempt(text))]
    try:
        if decision not in ("resend", "done"):
            raise InvalidError.at("decision", _("Choose “Send again” or “Treat as done”."))
        if not chosen:
            raise InvalidError.at("chosen", _("Select at least one step."))
        text = request.form.get("result", "").strip()
        result = json_text.read(text, None, "result") if decision == "done" and text else None
    except InvalidError as error:
        return _page({problem.path: translated(problem.message) for problem in error.problems}, 422)
    decided = [attempt for attempt in chosen if _decide(*attempt, "resend" if decision == "resend" else "done", result)]
    if decided:
        flash(ngettext("%(num)s step resolved.", "%(num)s steps resolved.", len(decided)), "success")
    if len(decided) < len(chosen):
        flash(_("Some had been resolved in the meantime and were left as they are."), "info")
    return go("uncertain.index")


def _attempt(text: str) -> tuple[str, int] | None:
    """Execution and number of an attempt, as the page names it."""
    execution_id, _colon, seq = text.partition(":")
    known_id = read_id(execution_id)
    return (known_id, int(seq)) if known_id and seq.isdecimal() and len(seq) < 10 else None


def _decide(execution_id: str, seq: int, decision: Literal["resend", "done"], result: object) -> bool:
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
