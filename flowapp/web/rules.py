"""Routes whose addresses are compiled when first asked for.

Werkzeug compiles two functions for each of our 280 routes while the application is made, which is nine tenths of what that
costs, and a process asks for the addresses of a few dozen of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from werkzeug.routing import Rule


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
