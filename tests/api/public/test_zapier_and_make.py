"""What Zapier and Make send to a hook (docs/zapier-and-make.md), byte for byte as their POST action and HTTP module do."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.public.test_hooks import execution_of, made

SECRET = "s" * 32
KNOWN = {"auth": "header", "secret": SECRET}
ZAPIER = {"User-Agent": "Zapier", "Accept": "application/json", "X-Webhook-Secret": SECRET}
MAKE = {"User-Agent": "Make/production", "Accept-Encoding": "gzip, deflate, br", "X-Webhook-Secret": SECRET}
JSON, FORM = "application/json; charset=utf-8", "application/x-www-form-urlencoded"
PART = 'Content-Disposition: form-data; name="{}"'


def parts(boundary: str, *given: tuple[str, bytes]) -> bytes:
    return (
        b"".join(f"--{boundary}\r\n{head}\r\n\r\n".encode() + body + b"\r\n" for head, body in given)
        + f"--{boundary}--\r\n".encode()
    )


CV = {"filename": "cv.pdf", "content_type": "application/pdf", "size": 4, "content": base64.b64encode(b"%PDF").decode()}
SENT: dict[str, tuple[dict[str, str], bytes, str, Any]] = {
    "Zapier: Json": (
        ZAPIER, '{"email": "zoé@example.com", "age": "27", "order": {"id": "7", "total": "129.90"}}'.encode(), JSON,
        {"email": "zoé@example.com", "age": "27", "order": {"id": "7", "total": "129.90"}},
    ),
    "Zapier: Json, line items": (
        ZAPIER, b'{"items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]}', JSON,
        {"items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]},
    ),
    "Zapier: Wrap Request In Array": (ZAPIER, b'[{"email": "ann@example.com"}]', JSON, [{"email": "ann@example.com"}]),
    "Zapier: Form": (
        ZAPIER, b"email=zo%C3%A9%40example.com&age=27&tags=a&tags=b&note=", FORM,
        {"email": "zoé@example.com", "age": "27", "tags": ["a", "b"], "note": ""},
    ),
    "Zapier: XML": (ZAPIER, b"<root><age>27</age></root>", "application/xml", {"body": "<root><age>27</age></root>"}),
    "Zapier: Raw": (ZAPIER, "é = 1".encode(), "text/plain", {"body": "é = 1"}),
    "Zapier: Custom Request without a type": (ZAPIER, b'{"a": [[1], [2]]}', "", {"a": [[1], [2]]}),
    "Zapier: File": (
        ZAPIER,
        parts("zap", (PART.format("name"), "Zoé".encode()),
              (PART.format("file") + '; filename="cv.pdf"\r\nContent-Type: application/pdf', b"%PDF")),
        "multipart/form-data; boundary=zap", {"name": "Zoé", "file": CV},
    ),
    "Make: JSON": (MAKE, b'{"email":"ann@example.com","total":129.9,"paid":true,"note":null}', "application/json",
                   {"email": "ann@example.com", "total": 129.9, "paid": True, "note": None}),
    "Make: JSON list": (MAKE, b'[{"email":"ann@example.com"},{"email":"bob@example.com"}]', "application/json",
                        [{"email": "ann@example.com"}, {"email": "bob@example.com"}]),
    "Make: form": (MAKE, b"email=ann%40example.com&tags%5B%5D=a&tags%5B%5D=b", FORM,
                   {"email": "ann@example.com", "tags[]": ["a", "b"]}),
    "Make: multipart": (
        MAKE,
        parts("--------------------------make", (PART.format("name"), b"Ann"),
              (PART.format("file") + '; filename="cv.pdf"\r\nContent-Type: application/pdf', b"%PDF")),
        "multipart/form-data; boundary=--------------------------make", {"name": "Ann", "file": CV},
    ),
}  # fmt: skip


@pytest.fixture
def hook(api: Api) -> str:
    return made(api, **KNOWN)


@pytest.mark.parametrize("name", SENT)
def test_what_they_send_is_the_input(api: Api, hook: str, name: str) -> None:
    headers, body, kind, expected = SENT[name]
    answer = api.client.post(hook, data=body, content_type=kind, headers=headers)
    assert answer.status_code == 202, answer.text
    assert set(answer.json) == {"execution_id", "status_url"}
    found = execution_of(api, answer)
    assert found["input_data"] == expected
    assert SECRET not in str(found)


def test_the_first_entry_of_a_list_and_the_last_step_s_result(api: Api, worker: None) -> None:
    step = {"step_id": "say", "action_type": "transform_data", "params": {"set": {"to": "{{ input[0].email }}"}}}
    hook = made(api, steps=[step], response="last_step", **KNOWN)
    answer = api.client.post(hook, data=b'[{"email": "ann@example.com"}]', content_type=JSON, headers=ZAPIER)
    assert (answer.status_code, answer.json) == (200, {"to": "ann@example.com"})


def test_a_step_that_is_replayed_starts_nothing_twice(api: Api, hook: str) -> None:
    for headers in (ZAPIER, MAKE):
        keyed = {**headers, "Idempotency-Key": f"order-7-{headers['User-Agent']}"}
        first, again = (
            api.client.post(hook, data=b'{"id": 7}', content_type=JSON, headers=keyed) for _ in range(2)
        )  # fmt: skip
        assert (again.status_code, again.json) == (202, first.json)
    assert api.get("/executions/")["count"] == 2


def test_who_does_not_know_the_secret_starts_nothing(api: Api, hook: str) -> None:
    for headers in (ZAPIER, MAKE):
        wrong = {**headers, "X-Webhook-Secret": "guess"}
        assert api.client.post(hook, data=b"{}", content_type=JSON, headers=wrong).status_code == 401
    assert api.get("/executions/")["count"] == 0


def test_zapier_s_basic_auth(api: Api) -> None:
    hook = made(api, auth="basic", username="zapier", secret=SECRET)
    signed = {
        "Authorization": "Basic " + base64.b64encode(f"zapier:{SECRET}".encode()).decode(),
        "User-Agent": "Zapier",
    }
    assert api.client.post(hook, data=b"a=1", content_type=FORM, headers=signed).status_code == 202
    assert api.client.post(hook, data=b"a=1", content_type=FORM).status_code == 401


def test_make_signs_with_its_function_sha256(api: Api) -> None:
    hook = made(api, auth="hmac", preset="custom", signature_header="X-Signature", secret=SECRET)
    raw = '{"name": "Zoé"}'.encode()
    signed = {"User-Agent": "Make/production", "X-Signature": hmac.new(SECRET.encode(), raw, "sha256").hexdigest()}
    answer = api.client.post(hook, data=raw, content_type="application/json", headers=signed)
    assert execution_of(api, answer)["input_data"] == {"name": "Zoé"}
    assert api.client.post(hook, data=raw + b" ", content_type="application/json", headers=signed).status_code == 401


@pytest.mark.usefixtures("worker")
def test_a_file_from_zapier_is_attached_to_an_email(api: Api, smtp: Any) -> None:
    step = {
        "step_id": "mail", "action_type": "send_email",
        "params": {"to": "a@b.example", "subject": "CV", "message": "See below", "attachments": "{{ input.file }}"},
    }  # fmt: skip
    hook = made(api, steps=[step], response="last_step", **KNOWN)
    headers, body, kind, _ = SENT["Zapier: File"]
    answer = api.client.post(hook, data=body, content_type=kind, headers=headers)
    assert answer.status_code == 200, answer.text
    [file] = smtp.wait_for(1)[0].message.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("cv.pdf", b"%PDF")
