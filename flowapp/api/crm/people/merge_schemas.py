"""What the API takes and gives about duplicates and merges."""

from __future__ import annotations

from pydantic import Field

from flowapp.api.schemas import In, Out

OTHER = "Id or number of the other one; of a contact also an address, of a company also its domain or name."


class OtherIn(In):
    """Which one."""

    other: str = Field(min_length=1, max_length=254, description=OTHER)


class OtherQuery(In):
    """Which one."""

    other: str = Field(min_length=1, max_length=254, description=OTHER)


class MergeIn(OtherIn):
    """The other one becomes a part of the one in the address."""

    take: list[str] = Field(
        default_factory=list,
        max_length=300,
        description="Fields of which the other one's value wins, as `last_name` or `fields.plan`. What is empty is filled from "
        "the other one anyway.",
    )


class MergedFieldOut(Out):
    """A field of both. `settled`: by a rule (addresses are kept, scores add up, the strictest consent wins)."""

    name: str
    mine: object
    theirs: object
    value: object
    settled: bool


class MergePreviewOut(Out):
    """What the merged one would have; `moves`: how many rows of each table would go over to it."""

    fields: list[MergedFieldOut]
    moves: dict[str, int]


class LikeOut(Out):
    """A record that may be the same."""

    id: str
    number: int | None
    name: str
    reasons: list[str] = Field(description="phone, email, domain, name.")
    score: int = Field(description="How likely, of 100.")


class PartyOut(Out):
    """One of a pair."""

    id: str
    number: int | None
    name: str


class PairOut(Out):
    """Two records that may be the same."""

    first: PartyOut
    second: PartyOut
    reasons: list[str]
    score: int


class PairsOut(Out):
    """The likeliest pairs."""

    count: int
    results: list[PairOut]
