"""Polls as manifests declare them: what is sent, which entries are new, and from where the next poll goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flowapp.catalog import CONNECTORS, TRIGGERS, PollContext, Polled, open_integration
from flowapp.connectors.runner import MANIFESTS, declare
from flowapp.connectors.runner.polling import REMEMBERED, unseen
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench, FreeCalls
from tests.connectors.runner.conftest import FIELDS, HEAD, RESULT
from tests.support.servers.sink import Answer, Sink

TRIGGER = """
triggers:
  - name: new_order
    label: New order
    description: An order came in.
    fields:
      - {name: shop, label: Shop, required: true}
      - {name: state, label: State, as: status}
    poll:
      call: {method: GET, path: "/shops/{shop}/orders"}
      items: data.orders
      id: order.number
      cursor: {next: meta.last, parameter: since}
      more: meta.more
    result:
      - {name: number, from: order.number, label: Number, sample: 1}
      - {name: whole, label: The order, sample: {}}
"""


@pytest.fixture
def poll(sink: Sink, tmp_path: Path) -> Iterator[Any]:
    """Polls the trigger once, with a cursor."""
    text = HEAD + FIELDS + "    call: {path: /x}\n" + RESULT + TRIGGER
    (tmp_path / "connector.yaml").write_text(text, encoding="utf-8")
    declare(tmp_path / "connector.yaml", "flowapp.connectors.probe")
    config = {"address": sink.url("/v1")}
    handle = open_integration("probe", id="1", name="P", config=config, credentials={"secret": "s3cret-of-ours"})
    bench = Bench()
    context = PollContext(
        http=SafeHttp(("127.0.0.1",)), connect=bench.connect, addresses=bench.addresses, integration=lambda _name: handle,
        integration_used=lambda _id: nullcontext(), access_token=bench.access_token, calls=FreeCalls(),
        now=lambda: datetime.now(UTC), timeout=5, idempotency_key="k",
    )  # fmt: skip

    def polled(cursor: object = None, **params: Any) -> Polled:
        spec = TRIGGERS["probe_new_order"]
        assert spec.poll is not None
        return spec.poll(context, spec.params.model_validate({"shop": "a b", **params}), cursor)

    yield polled
    for known, name in ((CONNECTORS, "probe"), (MANIFESTS, "probe"), (TRIGGERS, "probe_new_order")):
        known.pop(name, None)  # type: ignore[attr-defined]


def answer(*numbers: object, last: object = None, more: bool = False) -> Answer:
    orders = [{"order": {"number": number}} for number in numbers]
    return Answer(body=json.dumps({"data": {"orders": orders}, "meta": {"last": last, "more": more}}).encode())


def ids(polled: Polled) -> list[str]:
    return [item.id for item in polled.items]


def test_what_is_asked_and_what_an_entry_gives(poll: Any, sink: Sink) -> None:
    sink.answers.append(answer(7, last="c1"))
    found = poll(state="paid")
    assert sink.requests[0].path == "/v1/shops/a%20b/orders?status=paid"
    assert sink.requests[0].headers["Authorization"] == "Bearer s3cret-of-ours"
    assert [(item.id, item.data) for item in found.items] == [
        ("7", {"number": 7, "whole": {"order": {"number": 7}}}),
    ]  # fmt: skip
    assert found.more is False


def test_the_next_poll_goes_on_where_the_last_one_ended(poll: Any, sink: Sink) -> None:
    sink.answers.extend([answer(1, 2, last="c1", more=True), answer(2, 3, last="c2"), answer(last=None), answer(4)])
    first = poll()
    second = poll(first.cursor)
    third = poll(second.cursor)
    assert [first.more, second.more] == [True, False]
    assert [ids(first), ids(second), ids(third)] == [["1", "2"], ["3"], []]
    assert ids(poll(third.cursor)) == ["4"]
    assert [one.path.partition("?")[2] for one in sink.requests] == ["", "since=c1", "since=c2", "since=c2"]


def test_a_cursor_that_stands_still_is_not_asked_again_at_once(poll: Any, sink: Sink) -> None:
    sink.default = answer(1, last="c1", more=True)
    first = poll()
    assert (first.more, poll(first.cursor).more) == (True, False)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"data": {}}', "There is no list at “data.orders” in the answer."),
        (b'{"data": {"orders": [{"order": {}}]}}', "An entry of the list has no “order.number”"),
        (b'{"data": {"orders": [{"order": {"number": true}}]}}', "An entry of the list has no “order.number”"),
    ],
)
def test_an_answer_of_another_shape(poll: Any, sink: Sink, body: bytes, message: str) -> None:
    sink.default = Answer(body=body)
    with pytest.raises(StepError, match=message):
        poll()


def test_entries_are_known_after_they_left_the_list() -> None:
    _fresh, seen = unseen([1, 2], "", None)
    fresh, seen = unseen([3], "", seen)
    assert [one for one, _ in fresh] == ["3"]
    assert unseen([1, 2, 3, 3, 4], "", seen)[0] == [("4", 4)]
    _fresh, many = unseen(list(range(10, 10 + REMEMBERED + 5)), "", seen)
    assert len(many) == REMEMBERED + 5 + 3, "those of the list and those that left it"
    assert unseen([1, 2, 3], "", many)[0] == []
    assert len(unseen([1], "", many)[1]) == REMEMBERED + 1
