"""Routes compile their addresses late, and make the same ones."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.routing import BuildError, Map, Rule

from flowapp import create_app
from flowapp.web.rules import LateRule


def test_making_the_application_compiles_no_address(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    real = Rule._compile_builder

    def seen(rule: Rule, append_unknown: bool = True) -> Any:
        compiled.append(rule.rule)
        return real(rule, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", seen)
    app = create_app(settings)
    assert compiled == []
    with app.test_request_context():
        first, second = app.url_for("login.show", next="/x"), app.url_for("login.show", next="/x")
    assert first == second
    assert len(set(compiled)) == 1, "the one that was asked for"


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        ("all", {}),
        ("all", {"page": 2, "q": "a b&c"}),
        ("one", {"rule": "é/x", "number": 7}),
        ("one", {"rule": "x", "number": 7, "self": "s"}),
        ("given", {"kind": "old"}),
        ("given", {}),
        ("one", {"rule": "x"}),
        ("nothing", {}),
    ],
)
def test_addresses_are_those_of_werkzeug(endpoint: str, values: dict[str, Any]) -> None:
    def built(kind: type[Rule]) -> str:
        rules = [
            kind("/things/", endpoint="all"),
            kind("/things/<rule>/<int:number>", endpoint="one"),
            kind("/kinds/<kind>", endpoint="given", defaults={"kind": "new"}),
        ]
        routes = Map(rules).bind("example.com")
        try:
            path = routes.build(endpoint, values)
        except BuildError as error:
            return f"none: {error.endpoint}"
        try:
            return f"{path} leads to {routes.match(path.partition('?')[0])}"
        except NotFound:
            return path

    assert built(LateRule) == built(Rule)


def test_no_route_takes_a_number_that_is_too_long_to_be_stored(app: Any) -> None:
    numbered = [rule for rule in app.url_map.iter_rules() if "<int:" in rule.rule]
    assert len(numbered) >= 5
    for rule in numbered:
        for number, fits in (("9" * 22, False), (str(2**63), False), (str(2**63 - 1), True)):
            path = re.sub("<int:[a-z]+>", number, re.sub("<uuid:[a-z_]+>", str(UUID(int=1)), rule.rule))
            path = re.sub("<[a-z_]+>", "x", path)
            adapter, methods = app.url_map.bind("localhost"), sorted(rule.methods or ())
            if fits:
                assert adapter.match(path, method=methods[-1])[0] == rule.endpoint
            else:
                with pytest.raises(NotFound):
                    adapter.match(path, method=methods[-1])
