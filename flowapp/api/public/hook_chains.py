"""Webhooks that this installation's own workflows call: a chain that is too long starts nothing more."""

from __future__ import annotations

from flask import request

from flowapp import tasks
from flowapp.engine.store.event_matching.limits import MOST_DEEP
from flowapp.engine.store.rows import Columns
from flowapp.errors import ConflictError
from flowapp.extensions import db
from flowapp.models import Workflow, utcnow
from flowapp.notifications import stops
from flowapp.security.chains import HEADER, read_chain
from flowapp.tasks import event_relay
from flowapp.texts import say


def options_after(workflow_id: str) -> Columns:
    """The columns of the execution that this request starts: how many led to it. ConflictError where they are too many."""
    chain = read_chain(tasks.runtime().settings.secret_key, request.headers.get(HEADER, ""))
    if chain.length > MOST_DEEP:
        session = db.session()
        alerts = stops.after_call(session, session.get_one(Workflow, workflow_id), chain.workflow_id, utcnow())
        session.commit()
        event_relay.send_alerts(alerts)
        raise ConflictError(
            say("%(count)s executions in a row led to this call. It starts nothing more.", count=chain.length)
        )
    return {"options": {"depth": chain.length}} if chain.length else {}
