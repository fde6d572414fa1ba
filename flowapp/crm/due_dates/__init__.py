"""Records whose date has come: which date fields there are, and who is due."""

from flowapp.crm.due_dates.finding import AT_ONCE, Due, anniversaries, reached

__all__ = ["AT_ONCE", "Due", "anniversaries", "reached"]
