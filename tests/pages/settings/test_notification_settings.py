"""The page of how one is notified."""

from __future__ import annotations

from tests.pages.crm.conftest import Crm, crm

__all__ = ["crm"]


def test_boxes_are_kept(crm: Crm) -> None:
    shown = crm.ada.get("/settings/notifications").text
    assert "Someone mentions you in a note" in shown and shown.count(" checked>") == 12
    crm.ada.post("/settings/notifications", {"mention-in_app": "y", "alert-by_email": "y"})
    after = crm.ada.get("/settings/notifications").text
    assert after.count(" checked>") == 2 and 'name="mention-in_app" value="y" checked' in after
