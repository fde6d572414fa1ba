"""Log lines and errors of executions in the reader's language: kept in English, with what they were made of."""

# ruff: noqa: RUF001 - French has apostrophes of its own

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from sqlalchemy import update

from flowapp.live.execution import ExecutionFeed
from flowapp.models import Execution, LogLine, Notification, StepRun, User, Workflow, utcnow
from flowapp.models.tenancy import system_session
from flowapp.notifications import alerts
from flowapp.security.roles import Role
from tests.pages.executions.test_executions import LOG, WAIT, Place, place
from tests.support.tenant import add_person

__all__ = ["place"]
pytestmark = pytest.mark.both_databases

BROKEN = {**LOG, "params": {"message": "{{ input.mail }}"}}
ENGLISH = "input.mail does not exist. Available: a."
FRENCH = "input.mail n’existe pas. Il y a : a."


def in_french(place: Place, path: str) -> str:
    return html.unescape(place.html(path, headers={"Accept-Language": "fr"})).replace("\N{NO-BREAK SPACE}", " ")


def test_pages_show_what_went_wrong_in_the_reader_s_language(place: Place) -> None:
    failed = place.begin(BROKEN)
    paths = (
        "/executions",
        f"/executions/{failed}",
        "/executions/failed",
        "/",
        f"/workflows/{place.get(failed).workflow_id}/executions",
    )
    for path in paths:
        shown = in_french(place, path)
        assert FRENCH in shown, path
        assert ENGLISH not in shown, path
        assert ENGLISH in html.unescape(place.html(path)), path
    assert in_french(place, f"/executions/{failed}").count(FRENCH) == 3  # the end, the step, the line of its log


def test_what_a_user_wrote_is_theirs(place: Place) -> None:
    """Only messages that were made by `say` are known, though the words be the same."""
    own = place.begin({**LOG, "params": {"message": ENGLISH}})
    assert ENGLISH in in_french(place, f"/executions/{own}")
    assert [line.message_parts for line in place.lines(own)] == [None]


def test_times_in_lines_are_the_reader_s(place: Place) -> None:
    shown = in_french(place, f"/executions/{place.begin(WAIT)}")
    assert re.search(r'En attente jusqu’au <time datetime="[^"]+" title="[0-9: -]+ UTC">', shown)


def test_what_was_written_before_this_release_is_shown_as_it_is(place: Place) -> None:
    """So is what a process of the release before writes over: it knows nothing of the parts."""
    failed, other = place.begin(BROKEN), place.begin(BROKEN)
    with system_session(place.engine) as system:
        mine = {"execution_id": failed}
        for table in (StepRun, LogLine):
            column = table.error_parts if table is StepRun else table.message_parts
            system.execute(update(table).filter_by(**mine).values({column: None}))
        system.execute(update(Execution).filter_by(id=failed).values(error_parts=None))
        system.execute(update(Execution).filter_by(id=other).values(error_message="Out of paper."))
        system.commit()
    assert in_french(place, f"/executions/{failed}").count(ENGLISH) == 3
    assert "Out of paper." in in_french(place, "/executions")


def test_secrets_in_a_message_are_in_no_part_of_it(place: Place) -> None:
    """What is masked in the English is masked in what it was made of."""
    given = {"a": 1, "password": "hunter2-hunter2", "day": "hunter2-hunter2"}
    step = {**LOG, "params": {"message": "{{ input.day | date('yyyy') }}"}}
    failed = place.get(place.begin(step, data=given, flow={"language": 3}))
    (run,), lines = place.runs(failed.id), place.lines(failed.id)
    assert "••••••" in run.error_message
    kept = json.dumps([failed.error_parts, run.error_parts, *(line.message_parts for line in lines)])
    assert failed.error_parts and run.error_parts
    assert "hunter2" not in kept
    shown = in_french(place, f"/executions/{failed.id}")
    assert "n’est pas une date" in shown and "is not a date" not in shown


def test_the_api_answers_in_english(place: Place) -> None:
    failed = place.begin(BROKEN)
    with system_session(place.engine) as system:
        _, token = add_person(system, place.org, Role.VIEWER.label, "v@example.test")
        system.commit()
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "fr"}
    get = place.app.test_client().get
    answer = get(f"/api/v1/executions/{failed}/", headers=headers).json
    assert ENGLISH in answer["error_message"] and ENGLISH in answer["steps"][0]["error_message"]
    assert any(ENGLISH in line["message"] for line in answer["execution_logs"])
    assert not [key for key in (*answer, *answer["steps"][0], *answer["execution_logs"][0]) if "parts" in key]
    for path in (f"executions/{failed}/logs/", f"executions/{failed}/logs/export/", "executions/failures/"):
        text = get(f"/api/v1/{path}", headers=headers).text
        assert ENGLISH in text and "n’existe pas" not in text and "parts" not in text, path


def test_a_file_that_a_person_downloads_is_in_their_language(place: Place) -> None:
    failed = place.begin(BROKEN)
    for kind in ("json", "jsonl", "csv"):
        path = f"/api/v1/automation/executions/{failed}/logs/export/?export_format={kind}"
        assert "n’existe pas" in in_french(place, path)
        assert ENGLISH in place.html(path)


def test_live_lines_and_the_log_are_in_the_reader_s_language(place: Place) -> None:
    """What comes over the bus and what is read from the database: the same, in the language that the socket was opened in."""
    published: list[dict[str, Any]] = []
    failed = place.begin(BROKEN, run=False)
    place.run(failed, publish=lambda _org, _id, news: published.extend(json.loads(json.dumps(news))))
    feeds = {language: ExecutionFeed(place.engine, place.org, failed, 0, language) for language in ("en", "fr")}
    for language, text in (("en", ENGLISH), ("fr", FRENCH)):
        replayed = ExecutionFeed(place.engine, place.org, failed, 0, language).begin()[1:]
        feeds[language].begin()
        feeds[language].seq = 0
        live = [message for news in published for message in feeds[language].take(news) or ()]
        assert json.loads(json.dumps(live)) == json.loads(json.dumps(replayed))
        said = json.dumps(live, ensure_ascii=False).replace("\N{NO-BREAK SPACE}", " ")
        assert said.count(text) == 3  # the line, the step, the end
        assert "parts" not in said
    logs = [str(line["message"]) for line in feeds["fr"].answer("get_logs", {})["logs"]]
    assert [line.replace("\N{NO-BREAK SPACE}", " ") for line in logs] == [
        "L’étape « Note it » a commencé.",
        f"L’étape « Note it » a échoué : {FRENCH}",
        FRENCH,
    ]


def test_lines_that_steps_and_the_engine_write_are_in_the_reader_s_language(place: Place) -> None:
    each = {"step_id": "each", "name": "Each", "action_type": "loop", "params": {"items": [1, 2]}}
    ended = place.begin(each, BROKEN, name="Loop")
    shown = in_french(place, f"/executions/{ended}")
    assert "Éléments : 2." in shown and FRENCH in shown
    assert "Items:" not in shown


def test_an_alert_tells_the_reason_in_the_reader_s_language(place: Place) -> None:
    failed = place.begin(BROKEN)
    with system_session(place.engine) as system:
        user = system.get_one(User, place.user.id)
        user.locale = "fr"
        place_workflow = system.get_one(Workflow, place.get(failed).workflow_id)
        place_workflow.created_by = user.id
        system.flush()
        (mail,) = alerts.emails(system, place_workflow, "failing", key="1", url="http://x", sender_name="F")
        alerts._announce(system, place_workflow, "failing", f"{utcnow():%H}")
        system.flush()
        (told,) = system.query(Notification).all()
    for text in (mail.text, told.body):
        assert FRENCH in text.replace("\N{NO-BREAK SPACE}", " ")
