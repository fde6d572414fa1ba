"""Messages that remember what they were made of."""

from __future__ import annotations

import json
import pickle

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from flowapp.engine.language.validation_messages import plain_problems
from flowapp.errors import InvalidError, Problem
from flowapp.texts import Text, either, join, labelled, localized, localized_values, say


def test_a_message_is_its_english() -> None:
    message = say("There is no step “%(step)s”.", step="x")
    assert message == "There is no step “x”."
    assert (message.template, message.values) == ("There is no step “%(step)s”.", {"step": "x"})
    assert json.dumps([message]) == json.dumps(["There is no step “x”."])
    assert say("100 % sure") == "100 % sure"
    assert say("More than %(max)s.", max=10_000) == "More than 10,000."


def test_what_a_person_wrote_is_never_a_placeholder() -> None:
    assert say("“%(name)s” is odd.", name="%(name)s %s {name} 100%") == "“%(name)s %s {name} 100%” is odd."
    assert join("; ", ["%(text0)s", "50 %"]) == "%(text0)s; 50 %"


def test_parts_stay_messages_of_their_own() -> None:
    row = join("; ", [say("One %(n)s.", n="1"), "two"])
    assert row == "One 1.; two"
    assert isinstance(row.values["text0"], Text)
    assert either(["a"]) == "a"
    assert either(["a", "b", "c"]) == "a or b or c"
    assert labelled("", "x") == "x"
    assert labelled("steps.0", "x") == "steps.0: x"


def test_a_message_survives_pickling() -> None:
    message = say("“%(name)s” is odd.", name="x")
    again = pickle.loads(pickle.dumps(message))
    assert again == message
    assert (again.template, again.values) == (message.template, message.values)


def test_an_error_of_several_problems_keeps_each_message() -> None:
    problem = Problem("name", say("Write %(what)s.", what="text"))
    error = InvalidError([problem, Problem("", "Plain.")])
    assert error.message == "name: Write text.; Plain."
    assert isinstance(error.message, Text)
    assert isinstance(error.problems[0].message, Text)
    assert InvalidError([]).message == ""


class Model(BaseModel):
    at: str = ""
    count: int = 0

    @field_validator("at")
    @classmethod
    def _is_time(cls, value: str) -> str:
        raise ValueError(say("“%(value)s” is no time.", value=value))


@pytest.mark.parametrize(
    ("data", "template", "message"),
    [
        ({"at": "%(x)s"}, "“%(value)s” is no time.", "“%(x)s” is no time."),
        ({"count": "many"}, "Enter a whole number.", "Enter a whole number."),
    ],
)
def test_a_message_survives_pydantic(data: dict[str, str], template: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate(data)
    problem = plain_problems(caught.value, data, Model)[0]
    assert isinstance(problem.message, Text)
    assert (problem.message, problem.message.template) == (message, template)


def test_a_message_is_said_in_a_given_language_without_a_request() -> None:
    message = say("“%(name)s” is odd: %(why)s", name="%(x)s", why=say("Enter a number."))
    assert localized(message, "fr") == "“%(x)s” is odd: Saisissez un nombre."
    assert localized(message, "en") == localized(message, "") == message
    assert localized("Enter a number.", "fr") == "Enter a number."
    assert localized(say("Enter at most %(limit)s characters.", limit=10_000), "fr").count("10\u202f000") == 1


def test_a_definition_is_said_in_a_given_language() -> None:
    body = {"name": say("Enter a number."), "steps": [{"n": 1, "on": True, "name": "Enter a number."}], "x": None}
    assert localized_values(body, "fr") == {**body, "name": "Saisissez un nombre."}
