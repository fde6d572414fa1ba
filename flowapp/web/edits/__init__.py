"""Edits of what others may edit too."""

from flowapp.web.edits.edit import Edit, at_the_same_moment, deleted_elsewhere, labels, mark_of, part
from flowapp.web.edits.merge import Path

__all__ = ["Edit", "Path", "at_the_same_moment", "deleted_elsewhere", "labels", "mark_of", "part"]
