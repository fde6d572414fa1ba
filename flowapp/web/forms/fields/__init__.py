"""The kinds of field, by widget: those of every file of this folder."""

from flowapp.web.forms.field import FIELDS
from flowapp.web.forms.fields import action_params, choice, conditions, integration, json, pairs, rows, stored, text

__all__ = ["FIELDS", "action_params", "choice", "conditions", "integration", "json", "pairs", "rows", "stored", "text"]
