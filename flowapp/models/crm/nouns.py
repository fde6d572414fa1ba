"""The records of the CRM by what they are called."""

from __future__ import annotations

from collections.abc import Mapping

from flowapp.models.crm.activities import Task
from flowapp.models.crm.base import Owned, Sourced
from flowapp.models.crm.deals import Deal
from flowapp.models.crm.people import Company, Contact

Listed = Contact | Company | Deal | Task
RECORDS: Mapping[str, type[Owned]] = {"contact": Contact, "company": Company, "deal": Deal}  # with custom fields
MODELS: Mapping[str, type[Listed]] = {"contact": Contact, "company": Company, "deal": Deal, "task": Task}  # with lists
NOUNS: Mapping[type[Sourced], str] = {model: noun for noun, model in MODELS.items()}
