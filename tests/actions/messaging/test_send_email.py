from __future__ import annotations

import pytest

from flowapp.actions.messaging.send_email import listing
from flowapp.catalog import Done, Email, FilledTemplate


def test_a_message_goes_out_under_the_key_of_the_visit(run) -> None:
    outcome = run(
        "send_email",
        {"email": "ada@example.com", "n": 3},
        to="{{ input.email }}, Bob <bob@example.com>",
        cc=["carl@example.com"],
        subject="Order {{ input.n }}",
        message="{{ input.n }}",
        integration="office",
    )
    email, integration = run.mail.sent[0]
    assert email == Email(
        to=["ada@example.com", '"Bob" <bob@example.com>'],
        cc=["carl@example.com"],
        bcc=[],
        subject="Order 3",
        text="3",
        message_id="<key-of-this-visit@flowapp>",
    )
    assert integration == "office"
    assert run.lines == [("info", 'Sent “Order 3” to ada@example.com, "Bob" <bob@example.com>.')]
    assert outcome == Done({"message_id": email.message_id, "to": email.to, "subject": "Order 3", "caught": False})


def test_a_template_gives_subject_and_content(run) -> None:
    run.templates.kept["welcome"] = FilledTemplate("Welcome, Ada", "Hello", "<p>Hello</p>")
    run("send_email", {"id": 7}, to="a@example.com", template="welcome", data={"order": "{{ input.id }}"})
    run("send_email", {}, to="a@example.com", template="welcome", subject="Another")
    first, second = (email for email, _ in run.mail.sent)
    assert (first.subject, first.text, first.html) == ("Welcome, Ada", "Hello", "<p>Hello</p>")
    assert (second.subject, second.html) == ("Another", "<p>Hello</p>")
    assert run.templates.calls == [("welcome", {"order": 7}), ("welcome", None)]


def test_the_data_of_a_template_that_is_not_there_is_listed(run) -> None:
    data = {"name": "Ada", "ok": True, "tags": ["a", {"b": 1}], "none": None, "empty": []}
    run("send_email", {"form_data": data}, to="a@example.com", template="new_contact", data="{{ form_data }}")
    email = run.mail.sent[0][0]
    assert email.subject == "New contact"
    assert run.lines[0] == ("warning", "There is no e-mail template “new_contact”. The data was listed instead.")
    assert email.text == "name: Ada\nok: yes\ntags:\n  - a\n  -\n    b: 1\nnone:\nempty:\n"


def test_a_message_wins_over_the_template(run) -> None:
    run("send_email", {}, to="a@example.com", subject="s", template="t", message="hello")
    assert run.mail.sent[0][0].text == "hello"


@pytest.mark.parametrize(("data", "text"), [("plain", "plain\n"), ([1, 2], "- 1\n- 2\n"), (False, "no\n")])
def test_listings(data, text) -> None:
    assert listing(data) == text


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"to": ""}, "to"),
        ({"to": "{{ input.none }}"}, "to"),
        ({"to": {"a": 1}}, "separated by commas"),
        ({"to": "a@b.c\r\nBcc: x@y.z"}, "single line"),
        ({"subject": ""}, "Enter a subject"),
        ({"subject": "a\nb"}, "single line"),
        ({"message": ""}, "Enter a message"),
        ({"to": 5}, "separated by commas"),
        ({"cc": ["a@b.c", 5]}, "separated by commas"),
        ({"reply_to": {"a": "b"}}, "separated by commas"),
        ({"sender": ["a@b.c", "d@e.f"]}, "Enter one address"),
        ({"headers": ["X-A: 1"]}, "headers"),
        ({"headers": "X-A: 1"}, "headers"),
        ({"message": "", "template": "t"}, "no e-mail template “t”"),
        ({"to": ", ".join(f"a{n}@example.com" for n in range(101))}, "to"),
    ],
)
def test_letters_that_cannot_be_sent_are_refused(run, refused, params, told) -> None:
    error = refused("send_email", {"none": None}, **{"to": "a@b.c", "subject": "s", "message": "m", **params})
    assert error.permanent
    assert told in error.message
    assert ": : " not in error.message
    assert run.mail.sent == []


PNG = {"base64": "AP8=", "content_type": "image/png", "size": 2}


@pytest.mark.parametrize(
    ("given", "files"),
    [
        ({"rows.csv": "a;é"}, [("rows.csv", "text/csv", "a;é".encode())]),
        ({"logo.png": "{{ input.png }}"}, [("logo.png", "image/png", b"\x00\xff")]),
        ("{{ input.upload }}", [("cv.pdf", "application/pdf", b"%PDF")]),
        (
            ["{{ input.upload }}", {"n.txt": 5}],
            [("cv.pdf", "application/pdf", b"%PDF"), ("n.txt", "text/plain; charset=utf-8", b"5")],
        ),
        (
            {"rows.json": "{{ input.rows }}"},
            [("rows.json", "application/json", b'[\n  {\n    "a": 1\n  }\n]')],
        ),
        ({"empty.txt": "", "none.txt": "{{ input.none }}"}, []),
        ("{{ input.none }}", []),
    ],
)
def test_attachments(run, given, files) -> None:
    upload = {"filename": "cv.pdf", "content_type": "application/pdf", "size": 4, "content": "JVBERg=="}
    scope = {"png": PNG, "upload": upload, "rows": [{"a": 1}], "none": None}
    run("send_email", scope, to="a@b.c", subject="s", message="m", attachments=given, headers={"X-A": "1"})
    email = run.mail.sent[0][0]
    assert [(file.filename, file.content_type, file.content) for file in email.attachments] == files
    assert email.headers == {"X-A": "1"}


@pytest.mark.parametrize(
    "given", ["report.pdf", 5, [["a.txt"]], {"a.png": {"base64": "%%"}}, {"base64": "%%"}, [None, "x"]]
)
def test_what_is_no_attachment_is_refused(run, refused, given) -> None:
    error = refused("send_email", {}, to="a@b.c", subject="s", message="m", attachments=given)
    assert error.permanent and ("file" in error.message)
    assert run.mail.sent == []
