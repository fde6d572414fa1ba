"""The shape that every payload begins with."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """Base of every payload: JSON values under exactly these names."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Change(BaseModel):
    """A value before and after."""

    model_config = ConfigDict(extra="forbid")

    old: object
    new: object


@dataclass(frozen=True, slots=True)
class EventType:
    """`label` is a msgid; `entity` the type of what such an event is about."""

    name: str
    label: str
    entity: str
    payload: type[Payload]
