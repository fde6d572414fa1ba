"""Routes whose addresses are compiled when first asked for, and whose numbers the databases know.

Werkzeug compiles two functions for each of our 280 routes while the application is made, which is nine tenths of what that
costs, and a process asks for the addresses of a few dozen of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from werkzeug.routing import IntegerConverter, Map, Rule

LARGEST = 2**63 - 1


class LateRule(Rule):
    """A route as Werkzeug's own."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_it = super()._compile_builder

        @cache
        def builder() -> Callable[..., tuple[str, str]]:
            return compile_it(append_unknown)

        def build(rule: Rule, /, **values: object) -> tuple[str, str]:
            return builder()(rule, **values)

        return build


class StoredNumber(IntegerConverter):
    """Werkzeug's `int`, up to LARGEST: under a longer number nothing is stored, and SQLite cannot be asked for it."""

    def __init__(self, rules: Map, fixed_digits: int = 0) -> None:
        super().__init__(rules, fixed_digits, max=LARGEST)
