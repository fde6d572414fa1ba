"""Steps of which nobody knows whether they took effect, on their page."""

from __future__ import annotations

from flowapp.models import Execution, StepRun, Timer
from tests.pages.executions.test_executions import WAIT, Place, place

__all__ = ["place"]


def lost(place: Place) -> str:
    """An execution with an uncertain step, as the page names it."""
    execution_id = place.begin(WAIT)
    with place.session() as session:
        execution = session.get_one(Execution, execution_id)
        run = session.query(StepRun).filter_by(execution_id=execution_id).one()
        run.status, run.error_message = "uncertain", "The worker died"
        token = {"step": "pause", "status": "uncertain", "attempt": 1, "iteration": 0}
        execution.state = {**execution.state, "tokens": {run.token: token}}
        session.query(Timer).filter_by(execution_id=execution_id).delete()
        session.commit()
    return f"{execution_id}:1"


def statuses(place: Place, places: list[str]) -> list[str]:
    return [place.get(name.partition(":")[0]).status for name in places]


def test_several_are_decided_at_once(place: Place) -> None:
    places = [lost(place) for _ in range(3)]
    html = place.html("/executions/uncertain")
    assert html.count('name="chosen"') == 3
    assert "The worker died" in html
    chosen = {"chosen": places[:2], "decision": "done", "result": '{"sent": true}'}
    assert place.post("/executions/uncertain", **chosen).status_code == 303
    assert statuses(place, places) == ["pending", "pending", "waiting"]
    html = place.html("/executions/uncertain")
    assert "2 steps resolved." in html
    assert html.count('name="chosen"') == 1
    execution_id = places[0].partition(":")[0]
    place.run(execution_id)
    assert place.get(execution_id).output_data == {"sent": True}
    place.post("/executions/uncertain", chosen=places, decision="resend")
    assert "Some had been resolved in the meantime" in place.html("/executions/uncertain")
    assert place.audited() == ["execution.decided"] * 3


def test_what_is_missing_is_said(place: Place) -> None:
    one = lost(place)
    for form, text in (
        ({"decision": "done"}, "Select at least one step."),
        ({"chosen": one}, "Choose “Send again”"),
        ({"chosen": one, "decision": "done", "result": "{"}, "This is not valid JSON"),
        ({"chosen": "nonsense", "decision": "done"}, "Select at least one step."),
    ):
        answer = place.post("/executions/uncertain", **form)
        assert answer.status_code == 422
        assert text in answer.text
    assert statuses(place, [one]) == ["waiting"]


def test_nothing_to_decide(place: Place) -> None:
    assert "Nothing to review" in place.html("/executions/uncertain")
