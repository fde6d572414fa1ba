"""Many executions run again: choose them, see what it does once more, watch it go."""

from __future__ import annotations

from uuid import UUID

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError
from wtforms.widgets import DateInput, NumberInput, Select

from flowapp import events
from flowapp.engine.store.rerun import From, Which
from flowapp.errors import ConflictError, InvalidError
from flowapp.executions import history, replays
from flowapp.executions.side_effects import preview
from flowapp.extensions import db
from flowapp.models import TERMINAL, Replay, User, read_id
from flowapp.records.paging import PageAt
from flowapp.security.roles import Role
from flowapp.tasks.repeating import wake_replay
from flowapp.web import access, go, page, wants_fragment
from flowapp.web.forms.field import Posted
from flowapp.web.forms.page import ChoiceField, CodeField, PageForm, text
from flowapp.web.locale import midnight

bp = Blueprint("replays", __name__, url_prefix="/replays")
SHOWN = 50


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """The last replays."""
    session = db.session()
    replays = list(session.scalars(select(Replay).order_by(Replay.id.desc()).limit(SHOWN)))
    return page("executions/replays/index.html", replays=replays, starters=_starters(session, replays))


def _starters(session: Session, shown: list[Replay]) -> dict[str, str]:
    ids = {replay.created_by for replay in shown if replay.created_by}
    return {user.id: user.name or user.email for user in session.scalars(select(User).where(User.id.in_(ids)))}


class ReplayForm(PageForm):
    """Which executions, from which step, on which version. A link may carry choices that no longer exist: these are left out."""

    status = wtforms.SelectMultipleField(
        choices=(), validate_choice=False
    )  # the page has a box for one, a link has several
    workflow = wtforms.SelectField(_l("Workflow"), default="", validate_choice=False)
    since = text(label=_l("From"), widget=DateInput(), filters=[str.strip])
    until = text(label=_l("To"), widget=DateInput(), filters=[str.strip])
    limit = text(label=_l("Limit"), description=_l("Oldest first."), widget=NumberInput(min=1, max=replays.MAX_LIMIT))
    fingerprint = text()
    again = wtforms.BooleanField(_l("Include executions that were already run again"))
    ids = CodeField(
        _l("Ids"),
        default="",
        description=_l("Separated by spaces, commas or line breaks."),
        render_kw={"rows": 3},
    )
    start = ChoiceField(
        _l("From which step?"),
        name="from",
        widget=Select(),
        choices=[SelectChoice("start", _l("From the start")), SelectChoice("failed", _l("From the failed step"))],
        default="start",
        description=_l("Only failed executions can continue from the failed step."),
        validate_choice=False,
    )
    version = ChoiceField(
        _l("On which version?"),
        widget=Select(),
        choices=[SelectChoice("newest", _l("The newest")), SelectChoice("same", _l("The version each one ran"))],
        default="newest",
        validate_choice=False,
    )

    def __init__(self, posted: Posted) -> None:
        super().__init__(posted)
        blank = SelectChoice("", _("Any"))
        names = history.workflow_names(db.session())
        self.workflow.choices = [blank, *(SelectChoice(workflow_id, name) for workflow_id, name in names)]
        self.limit.data = self.limit.data.strip() or str(replays.LIMIT)

    def validate_since(self, field: wtforms.Field) -> None:
        """A day, where there is something."""
        if field.data and midnight(field.data, days=1) is None:
            raise ValidationError(_("Enter a date as year-month-day, for example 2026-03-31."))

    validate_until = validate_since

    def validate_limit(self, field: wtforms.Field) -> None:
        """A number in its bounds."""
        number = field.data if field.data.isdecimal() and len(field.data) < 10 else "0"
        if not 1 <= int(number) <= replays.MAX_LIMIT:
            raise ValidationError(_("Enter a whole number from 1 to %(most)s.", most=replays.MAX_LIMIT))

    def validate_ids(self, field: wtforms.Field) -> None:
        """Words of which none is an id do not mean every execution."""
        if field.data.strip() and not self.execution_ids:
            raise ValidationError(_("None of these is the id of an execution."))

    @property
    def execution_ids(self) -> tuple[str, ...]:
        words = " ".join(self.ids.raw_data or ()).replace(",", " ").split()
        return tuple(execution_id for word in words[:1000] if (execution_id := read_id(word)))

    @property
    def choice(self) -> replays.Choice:
        """What a valid form says."""
        return replays.Choice(
            statuses=tuple(status for status in self.status.data or () if status in TERMINAL),
            workflow_id=read_id(self.workflow.data.strip()) or "",
            fingerprint=self.fingerprint.data.strip()[:16],
            since=midnight(self.since.data),
            until=midnight(self.until.data, days=1),
            ids=self.execution_ids,
            fresh=not self.again.data,
            limit=int(self.limit.data),
        )

    @property
    def from_step(self) -> From:
        return "failed" if self.start.data == "failed" else "start"

    @property
    def on_version(self) -> Which:
        return "same" if self.version.data == "same" else "newest"


@bp.get("/new")
@access(Role.OPERATOR)
def new() -> Response:
    """The choices, with what they come to. Nothing runs yet. Failed ones are meant where the address names no others."""
    fields = MultiDict(request.args)
    if not {"status", "ids", "fingerprint"} & set(fields):
        fields["status"] = "failed"
    return _form(ReplayForm(fields), fields)


def _form(form: ReplayForm, fields: Posted) -> Response:
    """The form, and beside it what it comes to: nothing, where something is wrong."""
    seen = preview(db.session(), form.choice, form.from_step, form.on_version) if form.validate() else None
    return page(
        "executions/replays/new.html",
        block="form",
        status=200 if seen else 422,
        form=form,
        fields=fields,
        seen=seen,
        statuses=TERMINAL,
    )


@bp.post("")
@access(Role.OPERATOR)
def start() -> Response:
    """Begins it, and goes to its page."""
    session = db.session()
    form = ReplayForm(request.form)
    if not form.validate():
        return _form(form, request.form)
    try:
        replay = replays.create(session, form.choice, form.from_step, form.on_version, created_by=g.actor.user.id)
    except InvalidError:
        session.rollback()
        flash(_("Nothing matches any more, so no execution was replayed."), "info")
        return go("replays.new")
    _audit(session, "replay.started", replay)
    replay_id, organization_id = replay.id, replay.organization_id
    session.commit()
    wake_replay(replay_id, organization_id)
    return go("replays.show", replay_id=replay_id)


@bp.get("/<uuid:replay_id>")
@access(Role.VIEWER)
def show(replay_id: UUID) -> Response:
    """How far it is, fetched again while it goes on."""
    session = db.session()
    replay = replays.get(session, str(replay_id))
    counts = replays.progress(session, replay)
    rows, cursors = history.find(session, history.Search(replay_id=replay.id), PageAt(SHOWN))
    still = sum(counts.get(status, 0) for status in ("pending", "running"))
    return page(
        "executions/replays/show.html",
        block="live",
        alone=wants_fragment(),
        replay=replay,
        choice=replays.Choice.read(replay.filters),
        counts=counts,
        rows=rows,
        total=cursors.total,
        busy=replay.status in ("pending", "running") or still > 0,
        starter=_starters(session, [replay]).get(replay.created_by or "", ""),
        workflow_name=dict(history.workflow_names(session)).get(str(replay.filters["workflow_id"]), ""),
    )


@bp.post("/<uuid:replay_id>/cancel")
@access(Role.OPERATOR)
def cancel(replay_id: UUID) -> Response:
    """No further execution is run again; those that were begun go on."""
    session = db.session()
    replay = replays.get(session, str(replay_id))
    try:
        replays.cancel(session, replay)
    except ConflictError:
        session.rollback()
        flash(_("This replay had already ended."), "info")
        return go("replays.show", replay_id=replay_id)
    _audit(session, "replay.cancelled", replay)
    session.commit()
    flash(_("The replay was cancelled. Executions it has started will continue."), "success")
    return go("replays.show", replay_id=replay_id)


def _audit(session: Session, action: str, replay: Replay) -> None:
    details = {"total": replay.total, "from": replay.from_step, "version": replay.version}
    target = ("replay", replay.id, "")
    events.audit(
        session, action, actor=g.actor.audit, target=target, details=details
    )  # fmt: skip
