"""Test calls: a webhook's trigger listens for a while, and the next call to it is kept as a sample of what is sent.

Who listens and what came is a row, so that it does not matter which process takes the call. Where nobody listens a known
webhook is not looked up at all: whoever begins to listen changes the trigger's row, which is what makes it known.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, bindparam, exists, func, select, update
from sqlalchemy.orm import Session

from flowapp.errors import TooLargeError
from flowapp.exact_json import dump_json
from flowapp.models import ReceivedCall, Trigger, Workflow, utcnow
from flowapp.texts import say

LISTENS = timedelta(minutes=10)
NOTED = timedelta(minutes=1)
LARGEST = 262_144  # characters of a sample as JSON: as many as test data may have
_calls = ReceivedCall.__table__.c


def listening(workflow_id: ColumnElement[str], trigger_key: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a trigger listens at the time that is bound as `now`, for a statement that looks it up anyway."""
    return exists().where(
        _calls.workflow_id == workflow_id, _calls.trigger_key == trigger_key, _calls.listens_until > bindparam("now")
    )


def is_listening(session: Session, workflow_id: str, trigger_key: str) -> bool:
    """Whether a trigger listens now."""
    call = of(session, workflow_id, trigger_key)
    return call is not None and call.is_listening


def of(session: Session, workflow_id: str, trigger_key: str) -> ReceivedCall | None:
    """What a trigger of the draft listens for or has received; None where it never listened."""
    return session.scalars(select(ReceivedCall).filter_by(workflow_id=workflow_id, trigger_key=trigger_key)).first()


def latest(session: Session, workflow_id: str) -> ReceivedCall | None:
    """The last call that a trigger of the workflow received."""
    received = select(ReceivedCall).where(
        ReceivedCall.workflow_id == workflow_id, ReceivedCall.received_at.is_not(None)
    )
    return session.scalars(received.order_by(ReceivedCall.received_at.desc())).first()


def listen(session: Session, workflow: Workflow, trigger_key: str, hook_key: str) -> None:
    """From now on the next call counts; what came before is kept until then."""
    call = of(session, workflow.id, trigger_key)
    if call is None:
        call = ReceivedCall(workflow_id=workflow.id, trigger_key=trigger_key)
        session.add(call)
    call.hook_key, call.listens_until, call.refused = hook_key, utcnow() + LISTENS, ""
    known = update(Trigger).where(Trigger.workflow_id == workflow.id, Trigger.hook_key == hook_key)
    session.execute(known.values(updated_at=utcnow()))


def stop(session: Session, workflow_id: str, trigger_key: str) -> None:
    """Nothing is waited for any more."""
    call = of(session, workflow_id, trigger_key)
    if call is not None:
        call.listens_until = None


def waiting_for(system: Session, hook_key: str) -> ReceivedCall | None:
    """Who listens at an address, in any organization: where it belongs to a published trigger, that workflow alone."""
    owner = select(Trigger.workflow_id).where(Trigger.hook_key == hook_key).scalar_subquery()
    waiting = select(ReceivedCall).where(
        ReceivedCall.hook_key == hook_key, ReceivedCall.listens_until > utcnow(),
        ReceivedCall.workflow_id == func.coalesce(owner, ReceivedCall.workflow_id),
    )  # fmt: skip
    return system.scalars(waiting.order_by(ReceivedCall.listens_until.desc())).first()


def keep(session: Session, workflow_id: str, trigger_key: str, data: object, context: dict[str, object]) -> None:
    """Keeps a call as the sample and ends the listening, if nobody was faster. TooLargeError: a sample is not so large."""
    length = len(dump_json(data))
    if length > LARGEST:
        raise TooLargeError(
            say(
                "The body is too large for a sample: %(length)s characters of at most %(most)s.",
                length=length,
                most=LARGEST,
            )
        )
    values = {"input_data": data, "context": context, "received_at": utcnow(), "listens_until": None, "refused": ""}
    _write(session, workflow_id, trigger_key, values)


def copy(session: Session, workflow_id: str, trigger_key: str, data: object, context: dict[str, object]) -> None:
    """Keeps a call that is run as well, where it can be kept."""
    try:
        keep(session, workflow_id, trigger_key, data, context)
    except TooLargeError as error:
        refuse(session, workflow_id, trigger_key, str(error))


def refuse(session: Session, workflow_id: str, trigger_key: str, why: str) -> None:
    """Notes why a call that came was not taken; the trigger goes on listening."""
    _write(session, workflow_id, trigger_key, {"refused": why[:500], "refused_at": utcnow()})


def note_refusal(session: Session, workflow_id: str, trigger: Trigger, hook_key: str, why: str) -> bool:
    """Shows on the trigger's page why a call to the workflow itself was refused; False where that was said a moment ago.

    At most once in NOTED: who may not call makes nothing be written again and again.
    """
    call, now = of(session, workflow_id, trigger.key), utcnow()
    if call is not None and call.refused_at is not None and call.refused_at > now - NOTED:
        return False
    if call is None:
        call = ReceivedCall(workflow_id=workflow_id, trigger_key=trigger.key, hook_key=hook_key)
        session.add(call)
    call.refused, call.refused_at = why[:500], now
    return True


def _write(session: Session, workflow_id: str, trigger_key: str, values: dict[str, object]) -> None:
    listens = update(ReceivedCall).where(
        ReceivedCall.workflow_id == workflow_id,
        ReceivedCall.trigger_key == trigger_key,
        ReceivedCall.listens_until > utcnow(),
    )
    session.execute(listens.values(values))
