"""What can be done with the service."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import Done, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Addresses, Text
from flowapp.catalog.http_answers import refusal


class NoteParams(Params):
    """A note, and who is to read it."""

    integration: str = Field("acme", json_schema_extra=ui("Account", widget="integration", integration_type="acme"))
    text: Text = Field(json_schema_extra=ui("Text"))
    readers: Addresses = Field([], json_schema_extra=ui("Readers"))


def _call(ctx: StepContext, path: str, params: NoteParams) -> Outcome:
    account = ctx.integration(params.integration)
    url = f"{account.config['base_url']}{path}"
    answer = ctx.http.request("POST", url, json={"text": params.text, "readers": params.readers}, timeout=ctx.timeout)
    if answer.status >= 400:
        raise refusal(answer, "POST", url, ctx.now())
    return Done({"status": answer.status})


@action(
    "acme_add_note", label="Add a note", description="", group="Acme", icon="note", synonyms="comment", effect="idempotent",
    params=NoteParams, result={"status": "Status"}, sample={"status": 200},
)  # fmt: skip
def add_note(ctx: StepContext, params: NoteParams) -> Outcome:
    """Adds one."""
    return _call(ctx, "/notes", params)


@action(
    "acme_archive", label="Archive", description="", group="Acme", icon="archive", synonyms="put away", effect="once",
    params=NoteParams, result={"status": "Status"}, sample={"status": 200},
)  # fmt: skip
def archive(ctx: StepContext, params: NoteParams) -> Outcome:
    """Archives one."""
    return _call(ctx, "/archive", params)
