"""The pages of replays."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flowapp.models import Execution, Replay
from flowapp.tasks import repeating
from tests.pages.executions.test_dead_letters import BROKEN
from tests.pages.executions.test_executions import FRAGMENT, LOG, Place, place

__all__ = ["place"]


def replay_of(place: Place, answer: Any) -> str:
    assert answer.status_code == 303, answer.text
    return str(answer.location.rsplit("/", 1)[1])


def test_choosing_foreseeing_and_running(place: Place) -> None:
    old = [place.begin(BROKEN, name=f"W{n}") for n in range(3)]
    place.begin(LOG)
    html = place.html("/replays/new?status=failed&limit=2")
    assert "2 executions will run again." in html
    assert "3 match; the others are beyond the limit" in html
    assert "None of its steps has an outside effect" in html
    answer = place.post("/replays", status="failed", limit="2", **{"from": "start", "version": "same"})
    replay_id = replay_of(place, answer)
    html = place.html(f"/replays/{replay_id}")
    assert 'hx-trigger="every 2s"' in html
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in html
    with place.app.app_context():
        repeating.run_replay(replay_id, place.org)
        repeating.run_replay(replay_id, place.org)
    with place.session() as session:
        made = session.query(Execution).filter_by(replay_id=replay_id).order_by(Execution.id).all()
    assert [execution.retry_of_id for execution in made] == old[:2]
    assert "Pending" in place.html(f"/replays/{replay_id}")
    for execution in made:
        place.run(execution.id)
    html = place.html(f"/replays/{replay_id}")
    assert "every 2s" not in html
    assert "2 / 2" in html
    assert len(re.findall(r'<td class="main"><a href="/executions/', html)) == 2
    assert (
        len(re.findall(r'<td class="main"><a href="/executions/', place.html(f"/executions?replay={replay_id}"))) == 2
    )
    assert "Ada" in place.html("/replays")
    assert "<html" not in place.html(f"/replays/{replay_id}", headers=FRAGMENT)
    assert place.html(f"/replays/{replay_id}").count('id="actions"') == 1
    assert place.audited() == ["replay.started"]


def test_choices_that_no_longer_exist_are_left_out(place: Place) -> None:
    place.begin(BROKEN)
    assert "1 execution will run again." in place.html("/replays/new?status=x&workflow=x&from=x&version=x")


@pytest.mark.parametrize(
    ("field", "typed"),
    [("since", "never"), ("until", "9999-12-31"), ("limit", "x"), ("limit", "0"), ("limit", "10001"), ("ids", "x, y")],
)
def test_what_cannot_be_read_chooses_nothing(place: Place, field: str, typed: str) -> None:
    """Left out, it would mean more executions than were asked for."""
    place.begin(BROKEN)
    html = place.html(f"/replays/new?status=failed&{field}={typed}", 422)
    assert f'id="{field}-error"' in html
    assert typed in html
    assert "will run again" not in html
    assert place.post("/replays", status="failed", **{field: typed}).status_code == 422
    with place.session() as session:
        assert not session.query(Replay).count()


def test_some_by_their_ids(place: Place) -> None:
    ids = [place.begin(LOG) for _ in range(3)]
    html = place.html("/replays/new", query_string={"ids": f"{ids[0]},\n{ids[2]} nonsense"})
    assert "2 executions will run again." in html
    with place.app.app_context():
        repeating.run_replay(replay_of(place, place.post("/replays", ids=f"{ids[0]} {ids[2]}")), place.org)
    assert "No execution matches" in place.html("/replays/new", query_string={"ids": ids[0]})
    assert "1 execution will run again." in place.html("/replays/new", query_string={"ids": ids[0], "again": "y"})


def test_a_replay_is_cancelled(place: Place) -> None:
    place.begin(LOG)
    replay_id = replay_of(place, place.post("/replays"))
    assert place.post(f"/replays/{replay_id}/cancel").status_code == 303
    with place.session() as session:
        assert session.get_one(Replay, replay_id).status == "cancelled"
    place.post(f"/replays/{replay_id}/cancel")
    assert "had already ended" in place.html(f"/replays/{replay_id}")


def test_the_button_to_cancel_goes_with_the_end(place: Place) -> None:
    """The part that is fetched again brings the head's buttons along."""
    place.begin(LOG)
    path = f"/replays/{replay_of(place, place.post('/replays'))}"
    part = place.html(path, headers=FRAGMENT)
    button = re.search(r'<div class="btn-list" id="actions" hx-swap-oob="outerMorph">(.*?)</div>\s*<', part, re.DOTALL)
    assert button and f'action="{path}/cancel"' in part
    assert "hx-swap-oob" not in place.html(path)
    place.post(f"{path}/cancel")
    part = place.html(path, headers=FRAGMENT)
    assert 'hx-swap-oob="outerMorph"' in part and "/cancel" not in part


def test_only_failed_ones_are_chosen_until_others_are_asked_for(place: Place) -> None:
    done = [place.begin(LOG) for _ in range(3)]
    place.begin(BROKEN)
    html = place.html("/replays/new")
    assert '<option value="failed" selected>' in html
    assert "Rerun 1 execution" in html
    assert '<input type="hidden" name="status" value="failed">' in html
    assert "Rerun 4 executions" in place.html("/replays/new?status=")
    assert "Rerun 3 executions" in place.html("/replays/new?status=completed")
    assert "Rerun 1 execution" in place.html(f"/replays/new?workflow={place.get(done[0]).workflow_id}&status=")
    assert "Rerun 1 execution" in place.html(f"/replays/new?ids={done[0]}")


def test_nothing_to_run_again(place: Place) -> None:
    assert "No replays yet" in place.html("/replays")
    assert "No execution matches" in place.html("/replays/new")
    assert place.post("/replays").location.endswith("/replays/new")


def test_viewers_only_look(app: Any) -> None:
    place = Place(app, role="viewer")
    place.begin(BROKEN)
    assert "Rerun all" not in place.html("/executions/failed")
    assert "Rerun in bulk" not in place.html("/executions")
    place.html("/replays")
    place.html("/replays/new", 403)
