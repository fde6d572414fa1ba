"""A stored secret stays where it was sent: where the destination changes, it is asked for again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flowapp.security.addresses import origin_of
from flowapp.security.credentials import SHOWN
from flowapp.tasks import test_step as try_step
from tests.api.conftest import Api
from tests.api.waiting import ended, started
from tests.api.workflows.test_step_secrets import KEY, stored
from tests.pages.executions.test_approvals import sign_in
from tests.support.servers.sink import Answer, Sink

GOOD = "https://api.example"
MOVED = "The address has changed"
AT = "steps.0.params.headers.Authorization"


def body(url: str, authorization: str = KEY, **params: Any) -> dict[str, Any]:
    step = {
        "step_id": "call",
        "action_type": "send_webhook",
        "params": {"url": url, "headers": {"Authorization": authorization}, **params},
    }
    return {"name": "Caller", "steps": [step]}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x", "http://api.example/x", "https://api.example:8443/x", "https://api.example.evil.example/x",
        "https://evil.example\\@api.example/", "https://evil.example#@api.example/", "https://evil.example?@api.example/",
        "https://{{ input.host }}/x", "https://api.example{{ input.host }}/x", "{{ input.url }}",
    ],
)  # fmt: skip
def test_another_origin_asks_again(api: Api, url: str) -> None:
    made = api.post("/workflows/", body(f"{GOOD}/x"), 201)
    path, before = f"/workflows/{made['id']}/", stored()
    for change in (
        body(url, SHOWN),
        body(url, SHOWN, integration="other"),
        body(f"{GOOD}/x", SHOWN, integration="mine"),
    ):
        answer = api.as_("editor").patch(path, change, 422)
        problem = next(problem for problem in answer["errors"] if problem["path"] == AT)
        assert MOVED in problem["message"]
    assert stored() == before


@pytest.mark.parametrize(
    "url", [f"{GOOD}/y?z=1", f"{GOOD}:443/", "HTTPS://API.example/x", f"{GOOD}/{{{{ input.path }}}}"]
)
def test_the_same_origin_keeps_it(api: Api, url: str) -> None:
    made = api.post("/workflows/", body(f"{GOOD}/x"), 201)
    changed = api.patch(f"/workflows/{made['id']}/", body(url, SHOWN))
    assert changed["steps"][0]["params"] == {"url": url, "headers": {"Authorization": SHOWN}}


def test_written_again_it_may_go_elsewhere(api: Api) -> None:
    made = api.post("/workflows/", body(f"{GOOD}/x"), 201)
    api.patch(f"/workflows/{made['id']}/", body("https://new.example/x", KEY))
    api.patch(f"/workflows/{made['id']}/", body("https://new.example/y", SHOWN))


@pytest.mark.parametrize("part", ["json", "form"])
def test_fields_of_the_body_are_secrets_too(api: Api, part: str) -> None:
    step = body(f"{GOOD}/x")["steps"][0]
    step["params"] = {"url": f"{GOOD}/x", part: {"api_key": "k-hunter2", "who": "Ann"}}
    made = api.post("/workflows/", {"name": "W", "steps": [step]}, 201)
    step["params"] = {"url": "https://evil.example/x", part: {"api_key": SHOWN, "who": "Ann"}}
    answer = api.patch(f"/workflows/{made['id']}/", {"steps": [step]}, 422)
    assert [problem["path"] for problem in answer["errors"]] == [f"steps.0.params.{part}.api_key"]


def test_the_copy_of_a_workflow_asks_too(api: Api) -> None:
    made = api.post("/workflows/", body(f"{GOOD}/x"), 201)
    copy = api.post(f"/workflows/{made['id']}/duplicate/", {}, 201)
    assert MOVED in str(api.patch(f"/workflows/{copy['id']}/", body("https://evil.example/x", SHOWN), 422))
    api.patch(f"/workflows/{copy['id']}/", body(f"{GOOD}/y", SHOWN))


def test_an_export_brings_no_secret_along(api: Api) -> None:
    made = api.post("/workflows/", body(f"{GOOD}/x"), 201)
    file = api.get(f"/workflows/{made['id']}/")
    answer = api.post("/workflows/", {"name": "Import", "steps": file["steps"]}, 422)
    assert "Enter the secret itself" in str(answer["errors"]) and KEY not in str(file)


@pytest.mark.parametrize(
    "url",
    ["{{ input.url }}", "https://{{ input.host }}/x", f"{GOOD}{{{{ input.x }}}}", "https://{{ input.a }}@b.example/"],
)
def test_a_secret_goes_to_no_address_that_an_expression_gives(api: Api, url: str) -> None:
    answer = api.post("/workflows/", body(url), 422)
    assert [(p["path"], "known only when the step runs" in p["message"]) for p in answer["errors"]] == [(AT, True)]
    api.post("/workflows/", body(url, "Bearer {{ variables.key }}"), 201)
    api.post("/workflows/", body(url, integration="shop"), 201)


def test_trying_a_step_sends_no_kept_secret_elsewhere(app: Any, api: Api, sink: Sink) -> None:
    made = api.post("/workflows/", body(f"{GOOD}/x"), 201)
    definition = {
        "name": "W",
        "variables": {},
        "edges": [],
        "steps": [{**body(sink.url(), SHOWN)["steps"][0], "name": "Call", "order": 1}],
    }
    with app.app_context():
        refused = try_step(api.place.id, made["id"], definition, "call", {}, {}, None)
    assert refused["status"] == "failed" and MOVED in refused["error"]
    assert sink.requests == []


def test_the_page_says_so_at_the_field(app: Any, api: Api) -> None:
    made = api.post("/workflows/", body(f"{GOOD}/x"), 201)
    browser = sign_in(app, api, "editor")
    path = f"/workflows/{made['id']}/steps/call"
    browser.get(path)
    names = re.findall(r'name="(p-headers[^"]*)"[^>]*value="([^"]*)"', browser.text)
    data = {**dict(names), "p-url": "https://evil.example/x", "name": "Call", "p-method": "POST"}
    data |= dict(re.findall(r'name="(revision|_revision)"[^>]*value="([^"]*)"', browser.text))
    browser.post(path, data, 422)
    assert MOVED in browser.text
    assert api.get(f"/workflows/{made['id']}/")["steps"][0]["params"]["url"] == f"{GOOD}/x"


@pytest.mark.usefixtures("worker")
def test_a_redirect_takes_no_secret_of_the_body_elsewhere(api: Api, sink: Sink) -> None:
    sink.answers.append(Answer(307, b"", {"Location": f"http://localhost:{sink.port}/evil"}))
    step = body(sink.url("/x"))["steps"][0]
    step["params"] = {"url": sink.url("/x"), "json": {"api_key": "k-hunter2-k"}}
    done = ended(api, started(api, step))
    assert done["status"] == "failed" and "would receive a secret of this step" in done["error_message"]
    assert [received.path for received in sink.requests] == ["/x"]
    sink.answers.append(Answer(307, b"", {"Location": f"http://localhost:{sink.port}/there"}))
    step["params"]["json"] = {"who": "Ann"}
    assert ended(api, started(api, step))["status"] == "completed"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example/x", "https://a.example:443"), ("HTTP://A.example:80", "http://a.example:80"),
        ("https://[::1]:8/", "https://[::1]:8"), ("https://u:p@a.example/", ""), ("ftp://a.example", ""), ("a.example", ""),
        ("https://{{ x }}/", ""), ("{{ x }}", ""), ("https://a.example/{{ x }}", "https://a.example:443"), ("https://", ""),
        ("https://a.example\\{{ x }}", ""), ("https://a.example?{{ x }}", "https://a.example:443"),
    ],
)  # fmt: skip
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin
