"""What stands beside a trigger's form: where it is called or filled in, its test call, the values of its conditions."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import current_app, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp.catalog import TriggerSpec, stored_value
from flowapp.engine.store.event_matching.recent import recent
from flowapp.events.types import EVENT_TYPES
from flowapp.extensions import db
from flowapp.logs import mask
from flowapp.models import Event, Form, ReceivedCall, Trigger
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.editor import shown_groups
from flowapp.web.forms.triggers import TriggerForm
from flowapp.workflows import received_calls, test_data

SHOWN = 20_000  # characters of a body


@dataclass(frozen=True, slots=True)
class TestCall:
    """A received call as the page shows it; `is_test_data`: the draft is tried with it."""

    call: ReceivedCall
    body: str
    is_cut: bool
    is_test_data: bool


@dataclass(frozen=True, slots=True)
class RecentEvent:
    """When it was, what happened, and with what."""

    id: str
    at: datetime
    what: str
    about: str


def side(draft: Draft, form: TriggerForm) -> dict[str, object]:
    """What workflows/triggers/_side.html needs."""
    groups = shown_groups(draft.values(draft.definition, None))
    url = url_for("test_calls_page.show", workflow_id=draft.workflow.id, key=form.trigger["key"])
    test_call = {"test_call": _test_call(draft, form), "test_call_url": url, "hook_status": _status(draft, form)}
    return {"groups": groups, "recent": _recent(form), **test_call, **_addresses(form)}


def _recent(form: TriggerForm) -> list[RecentEvent] | None:
    """The last events that would have started it, as it is filled in now; None for what no event starts."""
    if form.spec.source != "event" or form.spec.listens is None:
        return None
    config, conditions = form.config.data, form.conditions.data.get("conditions")
    found = recent(db.session(), form.spec, config, conditions)
    return [RecentEvent(event.id, event.created_at, _label(event), _about(event)) for event in found]


def _label(event: Event) -> str:
    """What happened, in words; the type of an event of another system."""
    known = EVENT_TYPES.get(event.type)
    return str(_(known.label)) if known else event.type


def _about(event: Event) -> str:
    """What it is about, by its name."""
    names = ("title", "name", "email", "id")
    view = event.payload.get(event.entity_type)
    flat = event.payload.get(f"{event.entity_type}_name")
    named = [view.get(name) for name in names] if isinstance(view, dict) else [flat, event.payload.get("name")]
    return next((str(name) for name in named if name), event.entity_id)


def _status(draft: Draft, form: TriggerForm) -> str:
    """What becomes of a call to the address: as of the workflow, where the trigger is published."""
    mine = {"workflow_id": draft.workflow.id, "hook_key": form.trigger["config"].get("key")}
    published = db.session.scalars(select(Trigger).filter_by(**mine)).first()
    return draft.workflow.status if published else "draft"


def _test_call(draft: Draft, form: TriggerForm) -> TestCall | None:
    if form.spec.source != "hook":
        return None
    call = received_calls.of(db.session(), draft.workflow.id, form.trigger["key"])
    if call is None:
        return None
    body = json.dumps(mask(call.input_data), indent=2, ensure_ascii=False, default=str)
    kept = test_data.of(draft.workflow)
    is_test_data = "input" in kept and kept["input"] == call.input_data
    return TestCall(call, body[:SHOWN], len(body) > SHOWN, is_test_data)


def _addresses(form: TriggerForm) -> dict[str, str]:
    """What the outside world needs to know of this trigger."""
    addresses = {"hook": "", "curl": "", "form_address": ""}
    base = current_app.extensions["settings"].base_url or request.host_url
    config = form.trigger["config"]
    if form.spec.source == "hook" and config.get("key"):
        addresses["hook"] = f"{base.rstrip('/')}/hooks/{config['key']}"
        addresses["curl"] = "" if form.spec.guide else _curl(addresses["hook"], config, form.spec)
    slug = config.get("form_id")
    row = db.session.scalars(select(Form).filter_by(slug=slug)).first() if form.spec.source == "form" and slug else None
    if row is not None:
        addresses["form_address"] = f"{base.rstrip('/')}/f/{row.key}"
    return addresses


def _curl(address: str, config: Mapping[str, object], spec: TriggerSpec) -> str:
    """An example call; secrets are named, not shown."""
    methods, auth, user, name = (
        stored_value(spec.params, config, field) for field in ("methods", "auth", "username", "header_name")
    )
    method = methods[0] if isinstance(methods, list) and methods else "POST"
    lines = [f"curl -X {method} {shlex.quote(address)}"]
    if auth == "basic":
        lines.append(f"  -u {shlex.quote(str(user))}:<{_('your secret')}>")
    if auth == "header":
        header = f"{name}: <{_('your secret')}>"
        lines.append(f"  -H {shlex.quote(header)}")
    lines.append("  -H 'Content-Type: application/json'")
    lines.append(f"  -d {shlex.quote(json.dumps(dict(spec.sample), ensure_ascii=False))}")
    return " \\\n".join(lines)
