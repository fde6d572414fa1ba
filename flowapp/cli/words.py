"""Errors in the words of the command line."""

from __future__ import annotations

import click

from flowapp.errors import FlowError, InvalidError
from flowapp.texts import labelled, one_line


def tell(*lines: str) -> None:
    """Prints lines. A name in one of them cannot begin another, nor command the terminal."""
    click.echo("\n".join(map(one_line, lines)))


class RefusedError(click.ClickException):
    """A FlowError in the words of the command line."""

    def __init__(self, error: FlowError) -> None:
        lines = (
            [labelled(p.path, p.message) for p in error.problems]
            if isinstance(error, InvalidError)
            else [error.message]
        )
        super().__init__("\n".join(map(one_line, lines)))
