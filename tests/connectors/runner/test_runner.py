"""What a manifest says of a call is what is sent, and what it says of an answer is what the step gives."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from flowapp.catalog import CONNECTORS
from flowapp.errors import StepError
from tests.connectors.runner.conftest import FIELDS, HEAD, Make
from tests.support.servers.sink import Answer, Sink


def test_fields_go_into_the_body_under_the_services_names(make: Make, sink: Sink) -> None:
    run = make("{path: /things}")
    done: Any = run("probe_act", who="Zoë", to="a@b.example", deep='{"a": [1]}', loud=False, tags="x, y")
    assert done.result == {"id": 7}
    [sent] = sink.requests
    assert (sent.method, sent.path) == ("POST", "/v1/things")
    assert sent.json == {
        "who": "Zoë", "recipient": {"email": "a@b.example"}, "deep": {"a": [1]}, "loud": False, "tags": ["x", "y"],
    }  # fmt: skip
    assert sent.headers["Authorization"] == "Bearer s3cret-of-ours"
    assert sent.headers["Idempotency-Key"] == "key-of-this-visit"


@pytest.mark.parametrize(
    ("way", "header", "value"),
    [
        ("bearer", "Authorization", "Bearer s3cret-of-ours"),
        ("basic", "Authorization", "Basic YW5uOnMzY3JldC1vZi1vdXJz"),
        ("header", "X-Key", "Token s3cret-of-ours"),
        ("none", "Authorization", None),
    ],
)
def test_the_ways_to_sign_in(make: Make, sink: Sink, way: str, header: str, value: str | None) -> None:
    make("{method: GET, path: /x}", way=way)("probe_act", who="a")
    assert sink.requests[0].headers.get(header) == value
    assert sink.requests[0].path == "/v1/x?who=a"


def test_signing_in_by_the_query(make: Make, sink: Sink) -> None:
    make("{method: GET, path: '/x?a=1'}", way="query")("probe_act")
    assert dict(parse_qsl(urlsplit(sink.requests[0].path).query)) == {"a": "1", "key": "s3cret-of-ours"}


def test_what_the_call_names_stands_there_only_and_keeps_its_type(make: Make, sink: Sink) -> None:
    call = """
      path: "/people/{who}/mail"
      query: {to: "{to}", fixed: "yes"}
      headers: {X-Tags: "tags {tags}"}
      content: {deep: "{deep}", note: "for {who}", gone: {inner: "{file}"}, loud: {$if: loud, is: "{loud}"}}
"""
    make(call)("probe_act", who="a/b c", to="x&y", deep=[1, {"b": None}], extra={"z": 1})
    [sent] = sink.requests
    assert urlsplit(sent.path).path == "/v1/people/a%2Fb%20c/mail"
    assert parse_qs(urlsplit(sent.path).query) == {"to": ["x&y"], "fixed": ["yes"]}
    assert sent.json == {"deep": [1, {"b": None}], "note": "for a/b c", "extra": {"z": 1}}
    assert "X-Tags" not in sent.headers


@pytest.mark.parametrize("who", ["", "..", "."])
def test_a_value_in_the_path_leads_nowhere_else(make: Make, sink: Sink, who: str) -> None:
    with pytest.raises(StepError, match="“who” must not be empty"):
        make('{path: "/people/{who}/mail"}')("probe_act", who=who)
    assert sink.requests == []


def test_a_form_with_brackets_and_one_with_repeated_names(make: Make, sink: Sink) -> None:
    values: dict[str, Any] = {"tags": ["a", "b"], "extra": {"k": {"n": 1}}, "loud": True}
    make("{path: /x, body: form}")("probe_act", **values)
    make("{path: /x, body: form, lists: repeated}")("probe_act", **values)
    one, other = (parse_qsl(sent.body.decode()) for sent in sink.requests)
    assert sorted(one) == [("extra[k][n]", "1"), ("loud", "true"), ("tags[0]", "a"), ("tags[1]", "b")]
    assert [pair for pair in other if pair[0] == "tags"] == [("tags", "a"), ("tags", "b")]


def test_files(make: Make, sink: Sink) -> None:
    picture = {"base64": b64encode(b"\x89PNG").decode(), "content_type": "image/png", "filename": "a.png"}
    make("{path: /x, body: multipart}")("probe_act", who="me", file=picture)
    make("{path: /x, body: bytes, content: '{file}'}")("probe_act", file=picture)
    make("{path: /x, body: bytes, content: '{file}'}")("probe_act", file="plain")
    form, raw, text = sink.requests
    assert b'name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG' in form.body
    assert b'name="who"\r\n\r\nme' in form.body
    assert (raw.body, raw.headers["Content-Type"]) == (b"\x89PNG", "image/png")
    assert (text.body, text.headers["Content-Type"]) == (b"plain", "text/plain; charset=utf-8")
    with pytest.raises(StepError, match="a file that an earlier step gave"):
        make("{path: /x, body: bytes}")("probe_act", file={"name": "x"})


def test_a_file_is_sent_whole_again_with_a_renewed_token(make: Make, sink: Sink) -> None:
    auth = "auth: {kind: oauth2, authorize_url: https://a.example/a, token_url: https://a.example/t}\n"
    refused = Answer(401, b"{}")
    sink.ask = lambda sent: refused if sent.headers["Authorization"] == "Bearer access-token" else None
    run = make("{path: /x, body: multipart}", head=HEAD.replace(HEAD[HEAD.index("auth:") : HEAD.index("test:")], auth))
    run("probe_act", who="me", file={"base64": b64encode(b"all of it").decode()})
    assert [one.body.count(b"all of it") for one in sink.requests] == [1, 1]
    assert [int(one.headers["Content-Length"]) == len(one.body) for one in sink.requests] == [True, True]


NUMBERS = FIELDS.replace(
    "{name: who, label: Who}", "{name: who, label: Who, kind: KIND, minimum: -1e30, maximum: 1e30}"
)


@pytest.mark.parametrize(
    ("kind", "given", "sent"),
    [
        ("integer", 1234567890123456789012, b"1234567890123456789012"),
        ("integer", "1234567890123456789012", b"1234567890123456789012"),
        ("integer", "-12345678901234567.0", b"-12345678901234567"),
        ("integer", 7.0, b"7"),
        ("number", 1234567890123456789012, b"1234567890123456789012"),
        ("number", "1234567890123456789012", b"1234567890123456789012"),
        ("number", 9007199254740993, b"9007199254740993"),
        ("number", "12345678901234567.89", b"12345678901234567.89"),
        ("number", "19.99", b"19.99"),
        ("number", 0.1, b"0.1"),
        ("number", "0.10", b"0.1"),
        ("number", " -5 ", b"-5"),
        ("number", 1, b"1"),
    ],
)
def test_a_number_keeps_every_digit(make: Make, sink: Sink, kind: str, given: object, sent: bytes) -> None:
    fields = NUMBERS.replace("KIND", kind)
    make("{path: /x}", fields=fields)("probe_act", who=given)
    make("{path: /x, body: form}", fields=fields)("probe_act", who=given)
    make('{method: GET, path: "/x/{who}"}', fields=fields)("probe_act", who=given)
    body, form, path = sink.requests
    assert body.body == b'{"who":%s}' % sent
    assert form.body == b"who=" + sent
    assert path.path == "/v1/x/" + sent.decode()


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("integer", "12345678901234567.5"), ("integer", 1.5), ("integer", True), ("integer", "1_000"), ("integer", []),
        ("number", "1_000"), ("number", "1,234"), ("number", "NaN"), ("number", float("inf")), ("number", True),
        ("number", "1e999"), ("number", {"a": 1}), ("number", 1e31), ("number", "-10000000000000000000000000000001"),
        ("number", "٣"), ("number", "9" * 5000),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_by_name(make: Make, sink: Sink, kind: str, given: object) -> None:
    with pytest.raises(StepError, match="who: ") as caught:
        make("{path: /x}", fields=NUMBERS.replace("KIND", kind))("probe_act", who=given)
    assert caught.value.permanent
    assert sink.requests == []


def test_the_secret_goes_to_the_integrations_own_host_only(make: Make, sink: Sink) -> None:
    run = make("{path: /x}")
    with pytest.raises(StepError, match=r"may be used at http://127\.0\.0\.1"):
        run("probe_custom_call", path="http://localhost:1/steal")
    with pytest.raises(StepError, match=r"must not contain “\.\.”"):
        run("probe_custom_call", path="/a/../../b")
    assert sink.requests == []


def test_a_custom_call(make: Make, sink: Sink) -> None:
    run = make("{path: /x}")
    done: Any = run("probe_custom_call", method="PUT", path="/any/7?a=1", query={"b": 2}, json={"n": 1})
    assert (done.result["status"], done.result["body"]) == (200, {"id": 7})
    [sent] = sink.requests
    assert (sent.method, sent.path, sent.json) == ("PUT", "/v1/any/7?a=1&b=2", {"n": 1})
    assert sent.headers["Authorization"] == "Bearer s3cret-of-ours"
    with pytest.raises(StepError, match="Choose one of json, form and body"):
        run("probe_custom_call", path="/x", method="POST", json={"a": 1}, form={"b": 2})
    with pytest.raises(StepError, match="A GET call has no body"):
        run("probe_custom_call", path="/x", json={"a": 1})


def test_a_setting_that_was_not_entered_is_named(make: Make, sink: Sink) -> None:
    with pytest.raises(StepError, match="“P” has no “Hook”"):
        make("{url: '{hook}'}")("probe_act")
    with pytest.raises(StepError, match="“P” has no “Address”"):
        make("{path: /x}", address="")("probe_act")
    assert sink.requests == []


def test_a_token_of_oauth2_that_ended_early_is_renewed_once(make: Make, sink: Sink) -> None:
    """The connector has the fields of the client, and says how it signs in."""
    auth = "auth: {kind: oauth2, authorize_url: 'https://a.example/{way}', token_url: https://a.example/t, scopes: [x]}"
    refused = Answer(401, b"{}")
    sink.ask = lambda sent: refused if sent.headers["Authorization"] == "Bearer access-token" else None
    run = make("{path: /x}", head=HEAD.replace(HEAD[HEAD.index("auth:") : HEAD.index("test:")], f"{auth}\n"))
    done: Any = run("probe_act", who="me")
    assert done.result == {"id": 7}
    assert [one.headers["Authorization"] for one in sink.requests] == ["Bearer access-token", "Bearer renewed-token"]
    spec = CONNECTORS["probe"]
    config, _secrets = spec.read({"address": sink.url(), "way": "eu"}, {"client_id": "c", "client_secret": "s"})
    told = spec.oauth2(config)
    assert told is not None
    assert (told.authorize_url, told.token_url, told.scopes) == ("https://a.example/eu", "https://a.example/t", ("x",))
    assert spec.credential_type(config) == "oauth2"
    assert {"client_id", "client_secret"} <= set(spec.credentials.model_fields)
    sink.ask = lambda _sent: refused
    with pytest.raises(StepError, match="status 401"):
        run("probe_act")
    assert len(sink.requests) == 4


ERRORS = """
reason: [problem.title]
errors:
  - {status: [423], retry: true}
  - {status: [4xx], body: {code: [gone, left]}, message: {en: "It is away: {reason} ({code}).", fr: "Parti."}}
  - {body: {failed: {exists: true}}, message: "No: {failed}"}
"""


@pytest.mark.parametrize(
    ("answer", "told", "permanent"),
    [
        (Answer(423, b"{}"), "Probe refused “Act” (status 423).", False),
        (Answer(404, b'{"code": "gone", "problem": {"title": "Left"}}'), "It is away: Left (gone).", True),
        (Answer(404, b'{"code": "other", "problem": {"title": "Other"}}'), "Probe refused “Act”: Other", True),
        (Answer(200, b'{"failed": "100 % sure"}'), "No: 100 % sure", True),
        (Answer(503, b"{}"), "Probe refused “Act” (status 503).", False),
        (Answer(400, b"plain words", {"Content-Type": "text/plain"}), "Probe refused “Act”: plain words", True),
        (Answer(400, b"<html>x</html>", {"Content-Type": "text/html"}), "Probe refused “Act” (status 400).", True),
    ],
)
def test_what_answers_mean(make: Make, sink: Sink, answer: Answer, told: str, permanent: bool) -> None:
    sink.default = answer
    with pytest.raises(StepError) as caught:
        make("{path: /x}", ERRORS)("probe_act")
    assert (caught.value.message, caught.value.permanent) == (told, permanent)
    assert caught.value.details["status"] == answer.status


def test_a_service_without_time_says_for_how_long(make: Make, sink: Sink) -> None:
    sink.default = Answer(429, b"{}", {"Content-Type": "application/json", "Retry-After": "7"})
    with pytest.raises(StepError) as caught:
        make("{path: /x}")("probe_act")
    assert caught.value.details == {"status": 429, "body": "{}", "retry_after": 7.0, "busy": True}


@pytest.mark.parametrize(
    ("effect", "sent", "uncertain"), [("once", True, True), ("once", False, None), ("idempotent", True, None)]
)
def test_what_must_happen_once_is_uncertain_where_it_may_have_been_received(
    make: Make, sink: Sink, effect: str, sent: bool, uncertain: bool | None
) -> None:
    class Broken:
        def request(self, *_call: object, **_how: object) -> None:
            raise StepError("It broke.", details={"sent": sent})

    run = make("{path: /x}", fields=FIELDS.replace("effect: idempotent", f"effect: {effect}"))
    run.http = Broken()
    with pytest.raises(StepError) as caught:
        run("probe_act")
    assert caught.value.details.get("uncertain") is uncertain
    for method, of_custom_call in (("GET", None), ("POST", sent or None)):
        with pytest.raises(StepError) as caught:
            run("probe_custom_call", method=method, path="/x")
        assert caught.value.details.get("uncertain") is of_custom_call
    assert sink.requests == []


UNCLEAR = [500, 502, 504, 520, 524]


@pytest.mark.parametrize("status", [*UNCLEAR, 501, 503, 429, 408, 400])
def test_what_must_happen_once_is_uncertain_where_its_answer_says_nothing(make: Make, sink: Sink, status: int) -> None:
    """A gateway that lost the service's answer, say. With a key the service knows a repetition, so it can be tried again."""
    sink.default = Answer(status, b"<html>x</html>", {"Content-Type": "text/html"})
    expected = status in UNCLEAR or None
    once = FIELDS.replace("effect: idempotent", "effect: once")
    unkeyed = HEAD.replace("idempotency: Idempotency-Key\n", "")
    for fields, head, uncertain in ((once, unkeyed, expected), (once, HEAD, None), (FIELDS, unkeyed, None)):
        with pytest.raises(StepError) as caught:
            make("{path: /x}", fields=fields, head=head)("probe_act")
        assert caught.value.details.get("uncertain") is uncertain
    for method, of_custom_call in (("GET", None), ("POST", expected)):
        with pytest.raises(StepError) as caught:
            make("{path: /x}")("probe_custom_call", method=method, path="/x")
        assert caught.value.details.get("uncertain") is of_custom_call


@pytest.mark.parametrize(
    ("rule", "uncertain"),
    [("retry: true", None), ('message: "Nothing was done."', None), ("body: {code: 5}", True), ("status: [4xx]", True)],
)
def test_a_rule_that_says_what_an_answer_means_is_believed(
    make: Make, sink: Sink, rule: str, uncertain: bool | None
) -> None:
    sink.default = Answer(500, b'{"code": 5}')
    rules = f"errors:\n  - {{status: [500], {rule}}}\n".replace("status: [500], status", "status")
    head = HEAD.replace("idempotency: Idempotency-Key\n", "")
    with pytest.raises(StepError) as caught:
        make("{path: /x}", rules, FIELDS.replace("effect: idempotent", "effect: once"), head=head)("probe_act")
    assert caught.value.details.get("uncertain") is uncertain


def test_results_by_name(make: Make, sink: Sink) -> None:
    sink.default = Answer(201, b'{"a": [{"b": 5}], "s": "x"}', {"Content-Type": "application/json", "Location": "/n/1"})
    result = """
    result:
      - {name: b, from: a.0.b, label: B}
      - {name: none, from: a.4.b, label: None, optional: true}
      - {name: status, from: $status, label: Status}
      - {name: place, from: $headers.location, label: Place}
      - {name: whole, label: Whole}
"""
    done: Any = make("{path: /x}", result=result)("probe_act")
    whole = {"a": [{"b": 5}], "s": "x"}
    assert done.result == {"b": 5, "none": None, "status": 201, "place": "/n/1", "whole": whole}


SHAPES = """
    result:
      - {name: id, from: made.id, label: Id, sample: 1}
      - {name: tags, from: made.tags, label: Tags, sample: [a], optional: true}
      - {name: made, from: made, label: Made, sample: {id: 1}}
      - {name: free, from: made.free, label: Free, optional: true}
"""


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{}", "made.id"), (b"[]", "made.id"), (b'"made"', "made.id"), (b"7", "made.id"),
        (b'{"made": {"id": null}}', "made.id"), (b'{"made": {"id": {"n": 1}}}', "made.id"),
        (b'{"made": {"id": [1]}}', "made.id"), (b'{"made": {"id": 1, "tags": "a"}}', "made.tags"),
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_no_success(make: Make, sink: Sink, body: bytes, place: str) -> None:
    sink.default = Answer(200, body)
    with pytest.raises(StepError, match=f"another shape than expected .see “{place}”") as caught:
        make("{path: /x}", result=SHAPES)("probe_act")
    assert caught.value.permanent, "once more would do it twice"


@pytest.mark.parametrize("more", [b"", b', "tags": null, "free": [1]', b', "tags": [], "free": "x"'])
def test_what_a_service_does_not_always_give_may_be_missing(make: Make, sink: Sink, more: bytes) -> None:
    sink.default = Answer(200, b'{"made": {"id": "a"%s}}' % more)
    done: Any = make("{path: /x}", result=SHAPES)("probe_act")
    assert done.result["id"] == "a"
    assert not done.result["tags"]


def test_no_content_is_no_success_where_results_are_declared(make: Make, sink: Sink) -> None:
    sink.default = Answer(204, b"")
    with pytest.raises(StepError, match="another shape"):
        make("{path: /x}")("probe_act")
    status = "    result: [{name: status, from: $status, label: Status, sample: 204}]\n"
    done: Any = make("{path: /x}", result=status)("probe_act")
    assert done.result == {"status": 204}


def test_a_limit_that_is_used_up_lets_the_step_wait(make: Make, sink: Sink) -> None:
    run = make("{path: /x}", "limit: {calls: 2, seconds: 1}\n")
    run.calls.wait = 3.5
    with pytest.raises(StepError, match="120 times a minute through “P”") as caught:
        run("probe_act")
    assert caught.value.details == {"busy": True, "retry_after": 3.5}
    assert run.calls.asked == [("1", 120, "key-of-this-visit")]
    assert sink.requests == []
    run.calls.wait = 0
    run("probe_act")
    assert len(sink.requests) == 1


def test_the_test_of_the_connection(make: Make, sink: Sink) -> None:
    run = make("{path: /x}")
    spec = CONNECTORS["probe"]
    config, credentials = spec.read({"address": sink.url("/v1")}, {"secret": "s3cret-of-ours"})
    sink.default = Answer(200, b'{"user": {"name": "Zo\\u00eb"}}')
    assert spec.test(config, credentials, run) == "Hello Zoë."
    sink.default = Answer(401, b'{"message": "Bad key"}')
    with pytest.raises(StepError, match="Probe refused “Test”: Bad key"):
        spec.test(config, credentials, run)
