"""A realistic organization to look around in: a year of contacts, companies, deals, tasks and notes.

`entries` makes them up; `writer` has the CRM's services write them, dated as they went; `seeding` does so batch by batch, as a
job that the first visit starts, or at once for `flask seed-demo`.
"""

from flowapp.template_library.demo_year.entries import Entries, Size, make

__all__ = ["Entries", "Size", "make"]
