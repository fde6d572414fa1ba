"""The Procfile: `name: command` lines, the same that other process managers read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from string import Template

from flowapp.errors import ConfigError

_LINE = re.compile(r"([A-Za-z][\w-]*):\s*(\S.*)")


def parse(text: str, env: Mapping[str, str]) -> dict[str, list[str]]:
    """Name to argument list, in the order of the file; `$PORT` and `${PORT}` come from `env`.

    ConfigError names a line that is not `name: command`, a name used twice, or a variable that is not set.
    """
    commands: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ConfigError(f"Procfile, line {number}: write “name: command”, not “{line.strip()}”.")
        name, command = match.groups()
        if name in commands:
            raise ConfigError(f"Procfile, line {number}: “{name}” is used twice; give it another name.")
        commands[name] = _arguments(number, command, env)
    return commands


def _arguments(number: int, command: str, env: Mapping[str, str]) -> list[str]:
    try:
        return shlex.split(Template(command).substitute(env))
    except KeyError as error:
        raise ConfigError(f"Procfile, line {number}: the variable {error.args[0]} is not set.") from None
    except ValueError as error:
        raise ConfigError(f"Procfile, line {number}: “{command}” cannot be read: {error}.") from None
