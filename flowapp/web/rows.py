"""Problems beside the inputs of a page."""

from __future__ import annotations

from flowapp.errors import InvalidError
from flowapp.web.texts import translated


def errors_of(error: InvalidError) -> dict[str, str]:
    """Messages by the name of the input: `columns.0.label` stands at `columns-0-label`."""
    errors: dict[str, str] = {}
    for problem in error.problems:
        errors.setdefault(problem.path.replace(".", "-"), translated(problem.message))
    return errors
