"""Routes compile their addresses late, and make the same ones."""

from __future__ import annotations

from typing import Any

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
