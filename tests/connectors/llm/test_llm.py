"""Language models, against a double that takes what OpenAI's reference names, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowapp.catalog import CONNECTORS, open_integration
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench
from tests.support.servers.sink import Answer, Sink
from tests.support.servers.vendor import Vendor

KEY = "sk-1234-secret"


@pytest.fixture
def service(sink: Sink) -> Vendor:
    return Vendor.of(sink, Path(__file__).parent / "api.yaml")


def account(sink: Sink, key: str = KEY, **config: str) -> Any:
    config = {"base_url": sink.url("/v1"), "default_model": "small", **config}
    return open_integration("llm", id="1", name="Our model", config=config, credentials={"api_key": key})


@pytest.fixture
def run(service: Vendor) -> Bench:
    return Bench(integrations={"llm": account(service.sink)})


def answers(service: Vendor, content: str | None, finish: str = "stop", **message: str) -> None:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    body = {"model": "small-2026", "choices": [choice], "usage": {"total_tokens": 9}}
    service.answers["POST /v1/chat/completions"] = lambda _received: Answer(200, json.dumps(body).encode())


def test_a_question_is_answered(run: Bench, service: Vendor) -> None:
    done: Any = run("llm_prompt", {"name": "Zoë"}, prompt="Greet {{ input.name }}", instructions="In French")
    assert done.result == {"text": "Bonjour", "model": "small-2026", "finish_reason": "stop", "tokens_used": 7}
    messages = [{"role": "system", "content": "In French"}, {"role": "user", "content": "Greet Zoë"}]
    assert service.sink.requests[0].json == {"model": "small", "messages": messages}
    run("llm_prompt", prompt="Hi", model="large", temperature=0, max_tokens=50)
    sent = service.sink.requests[1].json
    assert (sent["model"], sent["temperature"], sent["max_completion_tokens"]) == ("large", 0, 50)
    assert not service.refused


def test_a_conversation_is_continued(run: Bench, service: Vendor) -> None:
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    done: Any = run("llm_chat", messages=messages)
    assert done.result["text"] == "Bonjour"
    run("llm_chat", messages=json.dumps(messages))
    assert [one.json["messages"] for one in service.sink.requests] == [messages, messages]
    with pytest.raises(StepError, match="must be a list") as caught:
        run("llm_chat", messages=[{"role": "robot", "content": "x"}])
    assert caught.value.permanent


SCHEMA = {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]}


def test_data_is_read_out_of_a_text(run: Bench, service: Vendor) -> None:
    answers(service, '{"topic": "refund"}')
    done: Any = run("llm_extract", prompt="What is it about?", schema=SCHEMA)
    assert done.result == {"data": {"topic": "refund"}, "model": "small-2026", "tokens_used": 9}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    assert service.sink.requests[0].json["response_format"] == wanted


@pytest.mark.parametrize(
    ("content", "finish", "told", "permanent"),
    [
        ('{"topic": 1}', "stop", "does not follow the schema", False),
        ("It is about a refund.", "stop", "did not answer with JSON", False),
        ('{"topic": "ref', "length", "was cut", True),
    ],
)
def test_an_answer_of_another_shape_fails(
    run: Bench, service: Vendor, content: str, finish: str, told: str, permanent: bool
) -> None:
    answers(service, content, finish)
    with pytest.raises(StepError, match=told) as caught:
        run("llm_extract", prompt="?", schema=SCHEMA)
    assert caught.value.permanent is permanent


@pytest.mark.parametrize("schema", ["[1]", {"type": "nothing"}])
def test_a_schema_that_is_none_reaches_nobody(run: Bench, service: Vendor, schema: Any) -> None:
    with pytest.raises(StepError, match="JSON Schema") as caught:
        run("llm_extract", prompt="?", schema=schema)
    assert caught.value.permanent
    assert service.called == []


def test_what_the_model_declines_and_what_the_service_refuses_is_told(run: Bench, service: Vendor) -> None:
    answers(service, None, refusal="I cannot help with that.")
    with pytest.raises(StepError, match="I cannot help with that"):
        run("llm_prompt", prompt="?")
    body = {"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}}
    service.answers["POST /v1/chat/completions"] = lambda _received: Answer(429, json.dumps(body).encode())
    with pytest.raises(StepError, match="no credit left") as caught:
        run("llm_prompt", prompt="?")
    assert caught.value.permanent
    service.answers["POST /v1/chat/completions"] = lambda _received: Answer(200, b'{"choices": []}')
    with pytest.raises(StepError, match="Look at the base URL"):
        run("llm_prompt", prompt="?")


def test_a_wrong_key_is_told_and_does_not_show(service: Vendor) -> None:
    service.description["refusal"] = {"status": 401, "body": {"error": {"message": "Incorrect API key: sk-other-one"}}}
    run = Bench(integrations={"llm": account(service.sink, "sk-other-one")})
    with pytest.raises(StepError, match="does not accept the API key"):
        run("llm_prompt", prompt="?")


def test_a_service_without_a_key_gets_none(service: Vendor) -> None:
    service.description["auth"] = {}
    run = Bench(integrations={"llm": account(service.sink, "", auth="none")})
    done: Any = run("llm_prompt", prompt="Hi")
    assert done.result["text"] == "Bonjour"
    assert "Authorization" not in service.sink.requests[0].headers


def test_the_connection_is_tested(service: Vendor) -> None:
    spec, handle = CONNECTORS["llm"], account(service.sink)
    config, credentials = spec.read(handle.config, handle.credentials)
    told = spec.test(config, credentials, SimpleNamespace(http=SafeHttp(("127.0.0.1",))))
    assert (str(told), service.called) == ("The service answers.", ["GET /v1/models"])


def test_other_calls_go_to_the_service_too(run: Bench, service: Vendor) -> None:
    done: Any = run("llm_custom_call", method="GET", path="/models")
    assert done.result["status"] == 200
    assert service.called == ["GET /v1/models"]
