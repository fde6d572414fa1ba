"""What the branches that a step can end on are called on pages; definitions and the API name them as they are."""

from __future__ import annotations

from flowapp.catalog.params import N_
from flowapp.texts import say

BRANCH_LABELS = {
    "next": N_("Next"), "yes": N_("If yes"), "no": N_("If no"), "error": N_("If it fails"),
    "timeout": N_("If it times out"), "each": N_("For each"), "done": N_("When done"), "invalid": N_("If invalid"),
    "default": N_("Otherwise"), "approved": N_("If approved"), "rejected": N_("If rejected"),
}  # fmt: skip


def branch_label(branch: str) -> str:
    """The name of a branch; what a person named (a case, a variant) stays as it is."""
    return say(BRANCH_LABELS[branch]) if branch in BRANCH_LABELS else branch
