"""What the operations of transform_data say of themselves is so."""

from __future__ import annotations

import pytest

from flowapp.actions.data.transform_data.kinds import KINDS, documented
from flowapp.actions.data.transform_data.operation import Operation


@pytest.mark.parametrize("entry", list(documented()), ids=lambda entry: "-".join(entry.settings.values()))
def test_the_example_of_an_operation_gives_what_it_says(run, entry) -> None:
    found = run(
        "transform_data", {"data": entry.example.data}, data="{{ input.data }}", operations=[entry.row],
        hmac_key="secret",
    ).result  # fmt: skip
    assert (found, type(found)) == (entry.example.result, type(entry.example.result))


def test_every_operation_is_explained_in_the_way_that_is_chosen() -> None:
    assert {name for entry in documented() for name in [entry.settings["op"]]} == set(KINDS)
    assert Operation.explained({"op": "text"}).help == "Writes text in capital letters."
    assert Operation.explained({"op": "text", "text": "slug"}).example.result == {"title": "ete-a-paris"}
    assert Operation.explained({"op": "pick"}).label == "Keep only these fields"
    assert Operation.explained({"op": "nothing"}) is None
    assert Operation.explained({}) is None
