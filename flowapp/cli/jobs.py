"""A command for each background job, named as the job with dashes: `flask --app wsgi cleanup-old-executions --days 7`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import click
from flask.cli import with_appcontext

from flowapp import exact_json
from flowapp.cli.words import RefusedError, tell
from flowapp.errors import FlowError, UnknownIdError
from flowapp.tasks import jobs


def _json(text: str) -> Any:
    """A value written as JSON."""
    try:
        return exact_json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"This is not valid JSON: {error}.") from None


_TYPES: dict[Any, Any] = {str: str, int: int, float: float, Any: _json, object: _json}


def _command(spec: jobs.JobSpec) -> click.Command:
    """The command; its options are the parameters of the job's function."""
    signature = inspect.signature(spec.run, eval_str=True)
    options: list[click.Parameter] = [_option(parameter) for parameter in signature.parameters.values()]
    help_ = f"{spec.description}\n\n{inspect.getdoc(spec.run)}"
    return click.Command(spec.name.replace("_", "-"), params=options, callback=_run(spec.name), help=help_)


def _option(parameter: inspect.Parameter) -> click.Option:
    names = [f"--{parameter.name.replace('_', '-')}", parameter.name]
    if parameter.annotation is bool:
        return click.Option(names, is_flag=True, default=parameter.default)
    kind = _TYPES[parameter.annotation]
    if parameter.default is inspect.Parameter.empty:
        return click.Option(names, type=kind, required=True)
    return click.Option(names, type=kind, default=parameter.default)


def _run(name: str) -> Callable[..., None]:
    @with_appcontext
    def run(**params: object) -> None:
        try:
            result = jobs.perform(name, **params)
        except UnknownIdError as error:
            raise click.UsageError(error.message) from None
        except FlowError as error:
            raise RefusedError(error) from None
        tell(json.dumps(result))

    return run


COMMANDS = tuple(_command(spec) for spec in jobs.load().values())
