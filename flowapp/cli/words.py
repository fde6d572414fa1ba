"""Errors in the words of the command line."""

from __future__ import annotations

import click

from flowapp.errors import FlowError, InvalidError


class ToldError(click.ClickException):
    """A FlowError in the words of the command line."""

    def __init__(self, error: FlowError) -> None:
        super().__init__(
            "\n".join(f"{p.path}: {p.message}" for p in error.problems) if isinstance(error, InvalidError) else error.message
        )  # fmt: skip
