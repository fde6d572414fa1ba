"""Values that the database cannot keep fail their step: their execution does not run again for ever."""

from __future__ import annotations

import pytest

from tests.engine.place import Place, _actions, place

__all__ = ["_actions", "place"]
DEEP = "[" * 900 + "]" * 900


@pytest.mark.parametrize(
    ("action", "params", "told"),
    [
        ("log", {"message": "{{ 99999999999 * 99999999999 }}"}, "more than 64 bits"),
        ("stop", {"output": "{{ 99999999999 * 99999999999 }}"}, "more than 64 bits"),
        ("loop", {"items": "{{ '[99999999999999999999]'|fromjson }}"}, "more than 64 bits"),
        ("transform_data", {"data": DEEP, "operations": [{"op": "json", "way": "parse"}]}, "nested too deeply"),
        (
            "transform_data",
            {"data": "99999999999999999999", "operations": [{"op": "number", "number": "parse"}]},
            "more than 64 bits",
        ),
    ],
)
def test_a_value_that_cannot_be_kept_fails_its_step(place: Place, action: str, params: dict, told: str) -> None:
    done = place.run([{"step_id": "it", "action_type": action, "params": params}])
    assert done.status == "failed"
    (run,) = place.runs(done.id)
    assert told in run.error_message
    assert run.attempt == 1
