"""Edits of what others may edit too."""

from flowapp.web.edits.edit import Edit, at_the_same_moment

__all__ = ["Edit", "at_the_same_moment"]
