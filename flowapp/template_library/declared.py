"""How a built-in template is declared: one file of `builtin/` each, and nothing else knows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flowapp.catalog import N_, Params, ui
from flowapp.exact_json import Json

# Who is notified: as the step “Send notification” takes it.
TOLD = ui(
    N_("Notification to"),
    widget="lines",
    plain=True,
    resource="member",
    choices=[("admins", N_("Admins")), ("editors", N_("Editors")), ("operators", N_("Operators"))],
)
Build = Callable[..., Json]


@dataclass(frozen=True, slots=True)
class Declared:
    """`build` makes the definition, without its name, of what a form asked for: `params`. Texts are made by `say`.

    `recipient` among the params is whoever makes the workflow, unless they name another. `mails`: by param, the e-mail
    template that is made where the param names none: its name, subject, html and text.
    """

    key: str
    icon: str
    name: str
    description: str
    params: type[Params]
    build: Build
    mails: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


DECLARED: dict[str, Declared] = {}


def template(
    key: str,
    *,
    icon: str,
    name: str,
    description: str,
    params: type[Params] = Params,
    mails: Mapping[str, Mapping[str, str]] | None = None,
) -> Callable[[Build], Build]:
    """Declares the template of that id; the function is its `build`."""

    def declare(build: Build) -> Build:
        DECLARED[key] = Declared(key, icon, name, description, params, build, mails or {})
        return build

    return declare


def step(step_id: str, name: str, action_type: str, **params: object) -> Json:
    """A step as a definition writes it."""
    return {"step_id": step_id, "name": name, "action_type": action_type, "params": params}
