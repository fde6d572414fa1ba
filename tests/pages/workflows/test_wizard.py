"""The wizard of a new workflow."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from tests.pages.workflows.test_steps import LOG, Site


def test_the_review_shows_the_workflow_as_json(app: Any) -> None:
    site = Site(app, steps=[LOG], variables={"city": "Lyon"})
    page = html.unescape(re.sub(r"<[^>]+>", "", site.get("/wizard/review")))
    start = page.index("{", page.index("As JSON"))
    shown, _end = json.JSONDecoder().raw_decode(page[start:])
    assert (shown["name"], shown["variables"]) == ("Welcome", {"city": "Lyon"})
    assert shown["steps"][0]["action_type"] == "log"
