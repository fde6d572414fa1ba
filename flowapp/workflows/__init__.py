"""The workflow service: the only writer of workflows, versions and triggers.

Every function works in the caller's transaction and never commits. The session is one organization's. A draft is the
canonical definition (engine.language.definition) with the secrets of its triggers and steps sealed.
"""

from flowapp.records.paging import Page, paginate
from flowapp.workflows.branches import taken
from flowapp.workflows.drafts import create, delete, duplicate, save_draft, update
from flowapp.workflows.listing import find, find_page
from flowapp.workflows.publishing import activate, archive, pause, publish, validate, version_to_run, version_to_test
from flowapp.workflows.reading import as_json, definition_of, get, shown_definition
from flowapp.workflows.statistics import Stats, statistics, totals

__all__ = [
    "Page", "Stats", "activate", "archive", "as_json", "create", "definition_of", "delete", "duplicate", "find",
    "find_page", "get", "paginate", "pause", "publish", "save_draft", "shown_definition", "statistics", "taken",
    "totals", "update", "validate", "version_to_run", "version_to_test",
]  # fmt: skip
