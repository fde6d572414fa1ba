"""The names that an expression may use (DESIGN §4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flowapp.catalog.entities import SYNONYMS
from flowapp.catalog.times import Notation, unstated

LANGUAGE: Final = 3  # the present meaning of values, in which new definitions are written; see docs/values.md
OF_STEPS = ("result", "status", "error")  # what is known of a step; a result's field of such a name has no short way


class StepView(dict[str, object]):
    """What is known of one step: result, status, error. Other keys are looked up in its result."""

    def __missing__(self, key: str) -> object:
        result = self.get("result")
        if isinstance(result, dict):
            return result[key]
        raise KeyError(key)


class StepsView(dict[str, object]):
    """The steps that have run, by step_id."""

    def __getitem__(self, key: str) -> object:
        step = super().__getitem__(key)
        return StepView(step) if isinstance(step, dict) else step


class Scope(dict[str, object]):
    """Looks up the names of an expression: `scope["input"]`; KeyError where a name is unknown.

    `steps` maps step_id to {"result", "status", "error"}; `now` is an ISO time in UTC; `timezone` is the zone in which
    conditions count days; `language` is the meaning of values that the definition was written for; `notation` gives the
    organization's locale. `extra` (item, index …) wins over everything. Any other name is looked up in the input, then in the context (contact, deal …), then in the variables; other names of an entity (organisation of company) count too.
    The values are used as they are: whoever receives a result must not change it in place.
    """

    __slots__ = ("_steps", "language", "notation", "timezone")

    def __init__(
        self,
        input: object = None,  # noqa: A002 - the word of the language
        variables: Mapping[str, object] | None = None,
        steps: Mapping[str, object] | None = None,
        context: Mapping[str, object] | None = None,
        now: str = "",
        extra: Mapping[str, object] | None = None,
        timezone: str = "UTC",
        language: int = LANGUAGE,
        notation: Notation = unstated,
    ) -> None:
        super().__init__(input=input, variables=variables or {}, context=context or {}, now=now)
        if extra:
            self.update(extra)
        self._steps = steps or {}
        self.timezone = timezone
        self.language = language
        self.notation = notation

    def __missing__(self, name: str) -> object:
        if name == "steps":
            value: object = StepsView(self._steps)
            self[name] = value  # the next look-up finds it at once
            return value
        if name == "timestamp":
            return compact(str(self["now"]))
        for key in (name, *SYNONYMS.get(name, ())):
            for root in ("input", "context", "variables"):
                source = self[root]
                if isinstance(source, dict) and key in source:
                    return source[key]
        raise KeyError(name)

    def extended(self, extra: Mapping[str, object]) -> Scope:
        """The same scope with more names (item, index …)."""
        return Scope(
            steps=self._steps, extra={**self, **extra}, timezone=self.timezone, language=self.language,
            notation=self.notation,
        )  # fmt: skip

    def names(self) -> list[str]:
        """Every name that can be used now: the fixed ones, then those of input, context and variables."""
        names = dict.fromkeys([*self, "steps", "timestamp"])
        for root in ("input", "context", "variables"):
            source = self[root]
            if isinstance(source, dict):
                names.update(dict.fromkeys(str(key) for key in source))
        for name, others in SYNONYMS.items():
            if name in names:
                names.update(dict.fromkeys(others))
        return list(names)


def compact(moment: str) -> str:
    """An ISO time in UTC as 20251018T103000Z, good in a file name."""
    digits = "".join(char for char in moment[:19] if char.isdigit())
    return f"{digits[:8]}T{digits[8:14]:0<6}Z" if digits else ""
