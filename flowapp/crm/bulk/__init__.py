"""The same change of many records: a job on a frozen set of ids (records.jobs). `actions` are what can be done, `begin` makes
the job, and crm.jobs.bulk does the next batch of it."""

from flowapp.crm.bulk.actions import ACTIONS, NOUNS
from flowapp.crm.bulk.service import Asked, begin, count

__all__ = ["ACTIONS", "NOUNS", "Asked", "begin", "count"]
