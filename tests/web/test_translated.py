"""What engine and services object to, on pages in French."""

# ruff: noqa: RUF001 - French has apostrophes of its own

from __future__ import annotations

import html
from typing import Any

import pytest

from flowapp.errors import InvalidError, Problem
from flowapp.texts import join, say
from flowapp.web.texts import localized_problems, translated
from tests.pages.workflows.test_steps import LOG, Site

NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture
def site(app: Any) -> Site:
    site = Site(app, steps=[LOG])
    site.client.set_cookie("locale", "fr")
    return site


@pytest.fixture
def french(app: Any) -> Any:
    with app.test_request_context(headers={"Accept-Language": "fr"}):
        yield


def shown(response: Any, status: int = 422) -> str:
    assert response.status_code == status
    return html.unescape(response.get_data(as_text=True))


@pytest.mark.usefixtures("french")
def test_a_message_is_said_in_french_with_its_values() -> None:
    near = say(" Did you mean “%(name)s”?", name="%(step)s")
    message = say("There is no step “%(step)s”.%(near)s", step="100 %d", near=near)
    assert message == "There is no step “100 %d”. Did you mean “%(step)s”?"
    assert translated(message) == (
        f"Il n’y a pas d’étape «{NBSP}100 %d{NBSP}». Vouliez-vous dire «{NBSP}%(step)s{NBSP}»{NBSP}?"
    )
    assert translated(say("The value is too large: more than %(max)s characters.", max=10_000)).endswith(
        "plus de 10\N{NARROW NO-BREAK SPACE}000 caractères."
    )


@pytest.mark.usefixtures("french")
def test_what_is_not_in_the_catalogue_stays_as_it_is() -> None:
    assert translated("Written by a person: %(step)s") == "Written by a person: %(step)s"
    assert translated(say("Nobody says this of %(name)s.", name="x")) == "Nobody says this of x."
    assert translated(join("; ", [say("Enter a number."), "x"])) == "Saisissez un nombre.; x"
    assert translated(InvalidError([]).message) == ""


@pytest.mark.usefixtures("french")
def test_an_error_of_several_problems_is_said_whole() -> None:
    problem = Problem("name", say("This must not be empty."), "s", "invalid")
    assert translated(InvalidError([problem]).message) == f"name{NBSP}: Ceci ne doit pas être vide."
    assert localized_problems([problem]) == [Problem("name", "Ceci ne doit pas être vide.", "s", "invalid")]


def test_messages_are_english_where_nobody_asks_for_french(app: Any) -> None:
    with app.test_request_context(headers={"Accept-Language": "en"}):
        message = say("The value is too large: more than %(max)s characters.", max=10_000)
        assert translated(message) == message == "The value is too large: more than 10,000 characters."


@pytest.mark.parametrize(
    ("path", "data", "text"),
    [
        ("/new-trigger/schedule", {"p__cron": "hello"}, "5 champs (minute, heure"),
        ("/new-trigger/schedule", {"p__every": "daily", "p__at": "25:00"}, "Saisissez l’heure et les minutes"),
        ("/new-trigger/schedule", {"p__every": "daily", "p__timezone": "Mars/%s"}, f"«{NBSP}Mars/%s{NBSP}» n’est pas"),
        ("/new-trigger/webhook", {"p__methods": "FETCH"}, "Choisissez parmi"),
        ("/new-step/log", {"name": "A", "after": "note", "p__message": "{{ a b }}"}, f"«{NBSP}b{NBSP}» n’est pas"),
        (
            "/new-step/send_webhook",
            {"name": "A", "after": "note", "p__url": "ftp://x"},
            "L’adresse doit commencer par http:// ou https://.",
        ),
        ("/new-step/wait_time", {"name": "A", "after": "note", "p__duration": "soon"}, f"«{NBSP}soon{NBSP}» n’est pas"),
        ("/new-step/log", {"name": "A", "after": "note", "e__retry_count": "many", "e__on_error": "retry"}, "entier"),
    ],
)
def test_a_wrong_field_says_so_in_french(site: Site, path: str, data: dict[str, str], text: str) -> None:
    page = shown(site.post(path, **data))
    assert '<html lang="fr"' in page
    assert text in page


def test_what_keeps_a_workflow_from_being_published_is_said_in_french(app: Any) -> None:
    wrong = {**LOG, "params": {"message": "{{ steps.nota.id }}"}}
    site = Site(app, steps=[wrong])
    site.client.set_cookie("locale", "fr")
    page = shown(site.post("/publish"))
    assert f"Il n’y a pas d’étape «{NBSP}nota{NBSP}»." in page
    assert "Rien ne lance ce workflow, sauf une personne" in page
    assert "There is no step" not in page
    assert "Rien ne lance ce workflow" in html.unescape(site.get("/steps"))


def test_an_error_page_is_in_french_and_the_api_in_english(app: Any) -> None:
    site = Site(app, role="viewer", steps=[LOG])
    site.client.set_cookie("locale", "fr")
    page = shown(site.post("/publish"), 403)
    assert f"Il faut pour cela le rôle éditeur{NBSP}; le vôtre est lecteur." in page
    answer = site.client.post(f"/api/v1/workflows/{site.id}/publish", headers={"X-CSRFToken": site.csrf})
    assert answer.status_code == 403
    assert answer.get_json()["detail"] == "This needs the role editor; yours is viewer."


def test_the_api_answers_in_english(site: Site) -> None:
    steps = [{"step_id": "a b", "action_type": "lag"}]
    answer = site.client.post(
        "/api/v1/workflows", json={"name": "", "steps": steps}, headers={"X-CSRFToken": site.csrf}
    )
    messages = " ".join(error["message"] for error in answer.get_json()["errors"])
    assert "Start with a letter or _" in messages
    assert "There is no step type “lag”. Did you mean “log”?" in messages
