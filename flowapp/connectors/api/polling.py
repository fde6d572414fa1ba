"""New entries in a list of a REST service of which nothing is known but its address."""

from __future__ import annotations

from collections.abc import Mapping

from flowapp.catalog import Item, PollContext, Polled
from flowapp.connectors.runner import Service
from flowapp.connectors.runner.custom import custom_call
from flowapp.connectors.runner.filling import as_text
from flowapp.connectors.runner.polling import list_at, unseen


def new_entry(_ctx: PollContext, service: Service, values: Mapping[str, object], cursor: object) -> Polled:
    """The entries that were not in the list before."""
    answer = custom_call(service, {**values, "method": "GET"})
    entries = list_at(answer["body"], as_text(values["items"]))
    fresh, seen = unseen(entries, as_text(values["id_field"]), cursor)
    return Polled([Item(one, {"entry_id": one, "entry": entry}) for one, entry in fresh], seen)
