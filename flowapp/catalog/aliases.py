"""Other names that a type's params, or the type itself, may be written under; read by engine.language.dialects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that stands for a length of time in one param: 2 under `wait_duration_hours` is duration “2 hours”."""

    name: str
    unit: str

    def text(self, amount: object) -> str:
        """The length as text: “1 hour”, “1.5 days”, “{{ input.h }} hours”."""
        return f"{amount} {self.unit[:-1] if amount == 1 else self.unit}"


# Other names of a type's params: what they are called here. One that the type's own model knows is left as it is.
ParamAliases = Mapping[str, str | Amount]


@dataclass(frozen=True, slots=True)
class Kinds:
    """Types of one family, written as one type with a param that says which is meant: `types` by the param's value.

    `general` are the type names that leave it to the param; beside any other it must say the same.
    """

    param: str
    types: Mapping[str, str]
    general: tuple[str, ...] = ()
