"""The action that comes with every connector: any method and path under its base URL, signed in."""

from __future__ import annotations

from flowapp.catalog.manifests.manifest import Action, ActionField, Choice, Named
from flowapp.catalog.params import N_

_WITH_BODY = {"method": ["POST", "PUT", "PATCH", "DELETE"]}

CUSTOM_CALL = Action(
    name="custom_call",
    label=N_("Custom call"),
    description=N_("Calls any address of the service, signed in: for what no other step does."),
    effect="once",
    synonyms="http api request rest call requête appel personnalisé",
    fields=[
        ActionField(
            name="method",
            label=N_("Method"),
            kind="choice",
            default="GET",
            choices=[Choice(value=name, label=name) for name in ("GET", "POST", "PUT", "PATCH", "DELETE")],
        ),
        ActionField(
            name="path",
            label=N_("Path"),
            help=N_("Under the address of the service, for example /v1/items."),
            required=True,
            aliases=["url", "endpoint"],
        ),
        ActionField(name="query", label=N_("Query"), help=N_("Name and value."), kind="pairs"),
        ActionField(name="headers", label=N_("Headers"), kind="pairs", advanced=True),
        ActionField(
            name="json", label=N_("JSON"), help=N_("Name and value."), kind="json", aliases=["data"],
            show_if=_WITH_BODY,
        ),
        ActionField(name="form", label=N_("Form fields"), kind="pairs", advanced=True, show_if=_WITH_BODY),
        ActionField(
            name="body", label=N_("Text"), help=N_("Sent unchanged."), kind="long", advanced=True, show_if=_WITH_BODY
        ),
    ],
    function="custom_call",
    result=[
        Named(name="status", label=N_("Response status, for example 200"), sample=200),
        Named(name="body", label=N_("Response body: parsed JSON, or text"), sample={}),
        Named(name="headers", label=N_("Response headers; a header that was sent several times is a list"), sample={}),
    ],
)  # fmt: skip
