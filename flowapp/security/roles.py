"""Roles, and who may do what. A route names the least role it asks for; each role may all that the lower ones may."""

from __future__ import annotations

from enum import IntEnum


class Role(IntEnum):
    """Higher may more: viewer looks, operator runs and cancels, editor builds, admin runs the place, owner owns it."""

    VIEWER = 1
    OPERATOR = 2
    EDITOR = 3
    ADMIN = 4
    OWNER = 5

    @property
    def label(self) -> str:
        """As stored and shown: lower case."""
        return self.name.lower()

    @classmethod
    def read(cls, text: str) -> Role:
        """The role of that name, in any case. KeyError where there is none."""
        return cls[text.upper()]


def least(first: Role, second: Role) -> Role:
    """The lower of two roles: a token never may more than its owner may now."""
    return min(first, second)
