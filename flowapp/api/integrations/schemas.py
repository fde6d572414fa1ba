"""What the API takes and gives about integrations."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from flowapp.api.schemas import In, ListOut, Out, PageQuery

_CONFIG: dict[str, object] = {"base_url": "https://api.example.com", "auth": "bearer"}
_CREDENTIALS: dict[str, object] = {
    "credential_type": "api_key",
    "credentials_data": {"secret": "key-of-the-shop"},
    "expires_at": None,
}


class IntegrationQuery(PageQuery):
    """Which integrations."""

    integration_type: str = Field(default="", max_length=64, description="Of this type.")
    search: str = Field(default="", max_length=200, description="Part of the name.")


class IntegrationChangeIn(In):
    """What changes; credentials that are not named stay. `credentials`: names and values, or credential_type, credentials_data and expires_at."""

    name: str = Field(default="", max_length=200, examples=["Shop"])
    config: dict[str, object] = Field(default_factory=dict, examples=[_CONFIG])
    credentials: dict[str, object] = Field(default_factory=dict, examples=[_CREDENTIALS])
    is_active: bool = True


class IntegrationIn(IntegrationChangeIn):
    """A service to connect. `GET /integrations/available/` names the types and their fields."""

    name: str = Field(max_length=200, examples=["Shop"])
    integration_type: str = Field(max_length=64, examples=["webhook"])


class IntegrationOut(Out):
    """An integration; its credentials are never printed. `calls`: of the last thirty days."""

    id: str
    name: str
    integration_type: str
    provider: str
    organization: str
    config: dict[str, object]
    is_active: bool
    credential_type: str
    expires_at: datetime | None = Field(description="When its credentials expire; null: nobody knows.")
    reconnect_reason: str = Field(description="Why somebody has to sign in again; empty: nobody has.")
    last_tested_at: datetime | None
    last_test_ok: bool | None
    last_test_message: str
    last_used_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    calls: int
    created_at: datetime
    updated_at: datetime


class IntegrationsOut(ListOut):
    results: list[IntegrationOut]


class AvailableOut(Out):
    """What can be connected: `config_fields` and `credential_fields` are what it asks for, `actions` what it then does."""

    type: str
    name: str
    description: str
    icon: str
    config_fields: list[str]
    credential_fields: list[str]
    actions: list[str]


class AvailableListOut(Out):
    integrations: list[AvailableOut]


class TestedOut(Out):
    """What the service said."""

    success: bool
    message: str


class RunActionIn(In):
    """`action`: as in a workflow, with or without the type before it; empty: what is usually done with it."""

    action: str = Field(default="", max_length=100, examples=[""])
    params: dict[str, object] = Field(default_factory=dict, examples=[{"url": "/orders", "json": {"order": "A-17"}}])


class ExecuteLineOut(Out):
    level: str
    message: str


class ExecutedOut(Out):
    """What the action gave; where it failed, why. `result` is what later steps of a workflow would see."""

    success: bool
    message: str
    result: object
    logs: list[ExecuteLineOut]
    duration_ms: float


class FindOptionsIn(In):
    """Which field of which action or trigger, as in a workflow; `params`: what its other fields hold; `search`: part of a choice."""

    action: str = Field(max_length=100, examples=["send_message"])
    field: str = Field(max_length=100, examples=["channel"])
    params: dict[str, object] = Field(default_factory=dict, examples=[{}])
    search: str = Field(default="", max_length=200)


class FieldOptionOut(Out):
    """`value` is what the field takes."""

    value: str
    label: str


class FieldOptionsOut(Out):
    """The first choices that fit, and how many do; `more`: the service has more than were looked at. `message`: why there are none."""

    success: bool
    message: str
    options: list[FieldOptionOut]
    count: int
    more: bool


class UsageQuery(In):
    """How many days back."""

    days: int = Field(default=30, ge=1, le=90)


class UsageDayOut(Out):
    date: date
    calls: int
    errors: int


class UsageOut(Out):
    """How much an integration was used, brought up to date every minute. Milliseconds are right to about 5 %."""

    integration: str
    period_start: date
    period_end: date
    calls: int
    errors: int
    latency_p50_ms: int | None
    latency_p95_ms: int | None
    last_used_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    days: list[UsageDayOut]
