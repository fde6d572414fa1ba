"""Values that the database cannot keep fail their step: their execution does not run again for ever."""

from __future__ import annotations

import pytest

from tests.engine.place import Place, _actions, place

__all__ = ["_actions", "place"]
MANY = "9" * 301
DEEP = "[" * 900 + "]" * 900


@pytest.mark.parametrize(
    ("action", "params", "told"),
    [
        ("stop", {"output": f"{{{{ '[{MANY}]'|fromjson }}}}"}, "more than 300 digits"),
        ("loop", {"items": f"{{{{ '[{MANY}]'|fromjson }}}}"}, "more than 300 digits"),
        ("transform_data", {"data": DEEP, "operations": [{"op": "json", "way": "parse"}]}, "nested too deeply"),
        (
            "transform_data",
            {"data": f"[{MANY}]", "operations": [{"op": "json", "way": "parse"}]},
            "more than 300 digits",
        ),
    ],
)
def test_a_value_that_cannot_be_kept_fails_its_step(place: Place, action: str, params: dict, told: str) -> None:
    done = place.run([{"step_id": "it", "action_type": action, "params": params}])
    assert done.status == "failed"
    (run,) = place.runs(done.id)
    assert told in run.error_message
    assert run.attempt == 1
