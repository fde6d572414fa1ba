"""One workflow: what it does, what became of it, and starting and stopping it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Required, TypedDict
from uuid import UUID

from flask import Blueprint, Response, current_app, flash, g, request, url_for
from flask_babel import gettext as _
from pydantic import ValidationError
from sqlalchemy import select

from flowapp import workflows
from flowapp.catalog import ACTIONS, TRIGGERS
from flowapp.data.names import find
from flowapp.engine.graph.graph import Graph
from flowapp.engine.language.definition import Definition
from flowapp.errors import FlowError, InvalidError, NotFoundError, Problem
from flowapp.exact_json import Json
from flowapp.executions import history
from flowapp.executions.replays import LIMIT
from flowapp.extensions import db
from flowapp.models import EXECUTION_STATUSES, TEST, Form, Trigger, User, Workflow
from flowapp.models.definitions import TriggerJson
from flowapp.records.paging import Page, PageAt
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web import access, go, page, safe_next, to_url
from flowapp.web.forms.flow import Flow
from flowapp.web.forms.providers import of_project
from flowapp.web.forms.summary import conditions_line, described, step_line
from flowapp.web.texts import localized_problems, translated
from flowapp.workflows.kept_starts import kept_while_paused
from flowapp.workflows.polling import Polling, polling_of

bp = Blueprint("workflow", __name__)
_EXECUTIONS = 25


@bp.get("/workflows/<uuid:workflow_id>")
@access(Role.VIEWER)
def show(workflow_id: UUID) -> Response:
    """The overview."""
    return _overview(workflows.get(db.session(), str(workflow_id)))


def _overview(workflow: Workflow, status: int = 200) -> Response:
    session = db.session()
    errors, warnings = workflows.validate(session, workflow)
    author = session.get(User, workflow.created_by) if workflow.created_by else None
    return page(
        "workflows/show.html",
        block="live",
        status=status,
        workflow=workflow,
        tab="overview",
        errors=localized_problems(errors),
        warnings=localized_problems(warnings),
        stats=workflows.statistics(session, [workflow.id])[workflow.id],
        triggers=_trigger_details(workflow),
        steps=flow_of(workflow),
        author=author.name or author.email if author else "",
        recent=_executions(workflow, "", None, 5)[0],
        kept=len(kept_while_paused(session, workflow.id, LIMIT + 1)) if "kept" in request.args else 0,
        limit=LIMIT,
    )


@bp.get("/workflows/<uuid:workflow_id>/executions")
@access(Role.VIEWER)
def executions(workflow_id: UUID) -> Response:
    """Its executions, by status, by pages."""
    workflow = workflows.get(db.session(), str(workflow_id))
    status, cursor = request.args.get("status", ""), request.args.get("cursor") or None
    try:
        rows, cursors = _executions(workflow, status, cursor, _EXECUTIONS)
    except InvalidError:  # a cursor of another list
        rows, cursors = _executions(workflow, status, None, _EXECUTIONS)
    return page(
        "workflows/executions.html",
        block="list",
        workflow=workflow,
        tab="executions",
        rows=rows,
        cursors=cursors,
        statuses=EXECUTION_STATUSES,
    )


@bp.get("/workflows/<uuid:workflow_id>/executions/<uuid:execution_id>")
@access(Role.VIEWER)
def execution(workflow_id: UUID, execution_id: UUID) -> Response:
    """The page of one of them, under the address that clients of the API know."""
    found = history.get(db.session(), str(execution_id))
    if found.workflow_id != str(workflow_id):
        raise NotFoundError(say("There is no such execution."))
    return go("executions.show", execution_id=found.id)


def _executions(
    workflow: Workflow, status: str, cursor: str | None, limit: int
) -> tuple[list[history.ExecutionRow], Page[object]]:
    statuses = (status,) if status in EXECUTION_STATUSES else ()
    return history.find(db.session(), history.Search(statuses, workflow.id), PageAt(limit, cursor))


@bp.post("/workflows/<uuid:workflow_id>/activate")
@access(Role.EDITOR)
def activate(workflow_id: UUID) -> Response:
    """Publishes the draft and starts the triggers; what keeps it from starting is listed, each with its place."""
    answer = _change(workflow_id, workflows.activate, _("“%(name)s” is now active."))
    if answer.status_code == 303 and kept_while_paused(db.session(), str(workflow_id), 1):
        return go("workflow.show", workflow_id=workflow_id, kept="1")
    return answer


@bp.post("/workflows/<uuid:workflow_id>/pause")
@access(Role.EDITOR)
def pause(workflow_id: UUID) -> Response:
    """Stops the triggers; takes an archived workflow back, too."""
    return _change(
        workflow_id, workflows.pause, _("“%(name)s” is paused. Nothing starts it until it is activated again.")
    )


@bp.post("/workflows/<uuid:workflow_id>/archive")
@access(Role.EDITOR)
def archive(workflow_id: UUID) -> Response:
    """Puts it away."""
    return _change(workflow_id, workflows.archive, _("“%(name)s” was archived. Its executions are kept."))


@bp.post("/workflows/<uuid:workflow_id>/publish")
@access(Role.EDITOR)
def publish(workflow_id: UUID) -> Response:
    """Makes the draft the version that runs."""
    return _change(workflow_id, workflows.publish, _("The changes to “%(name)s” were published."))


def _change(workflow_id: UUID, change: Callable[..., object], done: str) -> Response:
    session = db.session()
    workflow = workflows.get(session, str(workflow_id))
    try:
        change(session, workflow, actor_id=g.actor.user.id)
        session.commit()
    except InvalidError:
        session.rollback()
        return _overview(workflows.get(session, str(workflow_id)), 422)
    flash(done % {"name": workflow.name}, "success")
    return to_url(safe_next(request.form.get("next"), url_for("workflow.show", workflow_id=workflow_id)))


# ---- words for what a draft says, for the templates of every page -------------------------------------------------


class TriggerWords(TypedDict, total=False):
    """A trigger in words: what it means is its `text`; `url` and `page` are a webhook's and a form's addresses,
    `polling` how its checks go."""

    icon: str
    label: str
    text: str
    type: str
    key: Required[str]
    conditions: str
    config: dict[str, object]
    source: str
    next: datetime | None
    error: str
    url: str
    page: str
    polling: Polling | None


@bp.app_template_global("trigger_words")
def trigger_words(workflow: Workflow) -> list[TriggerWords]:
    """For each trigger of the draft."""
    return [_words(trigger) for trigger in workflows.shown_definition(workflow).get("triggers", ())]


def _words(trigger: TriggerJson) -> TriggerWords:
    spec = TRIGGERS.get(trigger["trigger_type"])
    if spec is None:
        return {"icon": "bolt", "label": trigger["trigger_type"], "text": "", "type": "", "key": trigger["key"]}
    try:
        text = described(spec, trigger["config"])
    except (ValidationError, FlowError):
        text = _("Check these settings.")
    return {
        "icon": spec.icon,
        "label": _(spec.label),
        "text": text,
        "type": spec.type,
        "key": trigger["key"],
        "conditions": conditions_line(trigger["conditions"]) if trigger["conditions"] else "",
        "config": trigger["config"],
        "source": spec.source,
    }


def _trigger_details(workflow: Workflow) -> list[TriggerWords]:
    """The words, with addresses and the next firing of what runs."""
    rows = db.session.scalars(select(Trigger).filter_by(workflow_id=workflow.id)).all()
    running = {row.key: row for row in rows}
    polling = {one.trigger: one for one in polling_of(db.session(), workflow)}
    base = (current_app.extensions["settings"].base_url or request.host_url).rstrip("/")
    details = trigger_words(workflow)
    for words in details:
        row = running.get(words["key"])
        words["next"] = row.next_fire_at if row else None
        words["error"] = translated(row.error) if row else ""
        words["polling"] = polling.get(words["key"])
        if words.get("source") == "hook":
            words["url"] = f"{base}/hooks/{words['config'].get('key', '')}"
        elif words.get("source") == "form":
            words["text"], words["page"] = _form_link(workflow, str(words["config"].get("form_id", "")), base)
    return details


def _form_link(workflow: Workflow, slug: str, base: str) -> tuple[str, str]:
    """The form's name and its page; what to say, and none, where it is gone."""
    form = find(db.session.scalars(select(Form).filter_by(project_id=workflow.project_id)), slug)
    if not isinstance(form, Form):
        return str(_("The form “%(name)s” no longer exists.", name=slug)), ""
    return form.name, f"{base}/f/{form.key}"


@bp.app_template_global("flow_of")
def flow_of(workflow: Workflow) -> list[Json]:
    """The steps in the order of the flow: icon, name, label of their kind, `ways` that branch off, href to edit."""
    definition = workflows.definition_of(workflow)
    graph = Graph(definition)
    order = graph.topological()
    written = {step["step_id"]: step for step in workflows.shown_definition(workflow)["steps"]}
    providers = of_project(db.session(), workflow.project_id, [(s.step_id, s.name) for s in definition.steps])
    steps = []
    for at, step_id in enumerate(order):
        step = graph.steps[step_id]
        spec = ACTIONS.get(step.action_type)
        following = order[at + 1] if at + 1 < len(order) else None
        steps.append(
            {
                "step_id": step_id,
                "name": step.name,
                "icon": spec.icon if spec else "circle",
                "label": _(spec.label) if spec else step.action_type,
                "text": step_line(written[step_id], providers),
                "ways": _ways(definition, graph, step_id, following),
                "href": step_url(workflow, step_id),
            }
        )
    return steps


def _ways(definition: Definition, graph: Graph, step_id: str, following: str | None) -> list[str]:
    """Where the flow goes on, unless it only goes on to the step below."""
    own = [edge for edge in definition.edges if edge.source == step_id]
    if len(own) == 1 and own[0].target == following and own[0].branch == "next":
        return []
    return [f"{Flow.word(edge.branch)} → {graph.steps[edge.target].name}" for edge in own]


def step_url(workflow: Workflow, step_id: str | None) -> str:
    """Where a step is edited; empty for those who may not."""
    if g.actor.role < Role.EDITOR:
        return ""
    if step_id:
        return url_for("steps.change", workflow_id=workflow.id, step_id=step_id)
    return url_for("steps.index", workflow_id=workflow.id)


@bp.app_template_global("trigger_label")
def trigger_label(trigger_type: str) -> str:
    """What started an execution, in words."""
    if trigger_type == TEST:
        return str(_("Test run"))
    spec = TRIGGERS.get(trigger_type)
    return str(_(spec.label)) if spec else trigger_type


@bp.app_template_global("problem_place")
def problem_place(workflow: Workflow, problem: Problem) -> Json:
    """Where a problem of the draft is put right: label and href, empty where there is no such place."""
    if problem.step_id:
        steps = {step["step_id"]: step["name"] for step in workflow.draft["steps"]}
        return {"label": steps.get(problem.step_id, problem.step_id), "href": step_url(workflow, problem.step_id)}
    if problem.path.startswith("triggers") and g.actor.role >= Role.EDITOR:
        return {"label": _("Trigger"), "href": url_for("workflow_triggers.index", workflow_id=workflow.id)}
    if problem.path.startswith("config") and g.actor.role >= Role.EDITOR:
        return {"label": _("Settings"), "href": url_for("workflow_settings.show", workflow_id=workflow.id)}
    if problem.path.startswith("steps"):
        return {"label": _("Steps"), "href": step_url(workflow, None)}
    return {"label": "", "href": ""}
