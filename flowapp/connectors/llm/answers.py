"""Asks a language model. Protocol: https://platform.openai.com/docs/api-reference/chat/create"""

from __future__ import annotations

from collections.abc import Mapping

from flowapp import exact_json
from flowapp.catalog import StepContext
from flowapp.connectors.runner import Service
from flowapp.errors import StepError
from flowapp.security import json_schema
from flowapp.texts import say

Values = Mapping[str, object]
Message = dict[str, object]
_ROLES = ("system", "user", "assistant", "developer", "tool")


def prompt(_ctx: StepContext, service: Service, values: Values) -> dict[str, object]:
    """One question; the answer as text."""
    return _ask(service, values, _question(values))


def chat(_ctx: StepContext, service: Service, values: Values) -> dict[str, object]:
    """A conversation; its next message as text."""
    return _ask(service, values, _conversation(values.get("messages")))


def extract(_ctx: StepContext, service: Service, values: Values) -> dict[str, object]:
    """A question whose answer follows a JSON Schema. StepError, worth a retry, where the model gave another answer."""
    schema = values.get("schema")
    if not isinstance(schema, dict):
        message = say("The JSON Schema must be an object, such as %(example)s.", example='{"type": "object"}')
        raise StepError(message, permanent=True)
    if fault := json_schema.fault(schema):
        raise StepError(fault, permanent=True)
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    answer = _ask(service, values, _question(values), response_format=wanted)
    data = _read(str(answer["text"]), str(answer["finish_reason"]))
    problems = json_schema.apply(schema, [data])[0]
    if problems:
        raise StepError(
            say("The answer of the model does not follow the schema: %(problem)s", problem=problems[0]["message"])
        )
    return {"data": data, "model": answer["model"], "tokens_used": answer["tokens_used"]}


def _question(values: Values) -> list[Message]:
    instructions = values.get("instructions")
    first: list[Message] = [{"role": "system", "content": instructions}] if instructions else []
    return [*first, {"role": "user", "content": values["prompt"]}]


def _conversation(messages: object) -> list[Message]:
    """As it was given; StepError where it is no list of messages."""
    given = messages if isinstance(messages, list) else []
    if not given or not all(isinstance(one, dict) and one.get("role") in _ROLES and "content" in one for one in given):
        message = say("Messages must be a list, each with role (%(roles)s) and content.", roles=", ".join(_ROLES))
        raise StepError(message, permanent=True)
    return given


def _ask(service: Service, values: Values, messages: list[Message], **more: object) -> dict[str, object]:
    body: dict[str, object] = {
        "model": values.get("model") or service.handle.config["default_model"],
        "messages": messages,
    }
    for name, param in (("temperature", "temperature"), ("max_completion_tokens", "max_tokens")):
        if values.get(param) is not None:
            body[name] = values[param]
    answer = service.request("POST", "/chat/completions", say("Ask a language model"), json={**body, **more}).json
    return _answered(answer)


def _answered(answer: object) -> dict[str, object]:
    """The first choice. StepError (permanent) where the service answers something else, or the model declined."""
    try:
        choice = answer["choices"][0]  # type: ignore[index]
        message, used = choice["message"], answer.get("usage") or {}  # type: ignore[attr-defined]
        if message.get("refusal"):
            raise StepError(say("The model declined: %(reason)s", reason=message["refusal"]), permanent=True)
        return {
            "text": message.get("content") or "",
            "model": answer.get("model") or "",  # type: ignore[attr-defined]
            "finish_reason": choice.get("finish_reason") or "",
            "tokens_used": used.get("total_tokens"),
        }
    except (KeyError, IndexError, TypeError, AttributeError):
        raise StepError(
            say("The service did not answer as OpenAI does. Look at the base URL."), permanent=True
        ) from None


def _read(text: str, finish_reason: str) -> object:
    if finish_reason == "length":
        raise StepError(say("The answer was cut at the longest length. Allow more tokens."), permanent=True)
    try:
        return exact_json.loads(text)
    except ValueError:
        raise StepError(say("The model did not answer with JSON: %(text)s", text=text[:200])) from None
