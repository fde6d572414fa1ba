"""The form of an integration: its name, and what its connector asks for."""

from __future__ import annotations

from collections.abc import Mapping

import wtforms
from flask import g
from flask_babel import gettext as _

from flowapp import tasks
from flowapp.catalog import Params
from flowapp.errors import ConfigError, InvalidError
from flowapp.events import Cause
from flowapp.extensions import db
from flowapp.integrations import service
from flowapp.models import Integration
from flowapp.web import forms
from flowapp.web.edits import Edit, Path, mark_of, part
from flowapp.web.forms import ParamsForm, PlainForm
from flowapp.web.forms.field import Posted
from flowapp.web.forms.fields.stored import SecretField, keep_secrets
from flowapp.web.texts import translated


class IntegrationForm(wtforms.Form):  # type: ignore[misc]
    """Name, config and credentials; what is stored of the credentials goes in, but is never drawn."""

    name = wtforms.StringField()

    def __init__(self, row: Integration, posted: Posted | None = None) -> None:
        self.row, self.spec, self.unreadable = row, service.connector(row.integration_type), False
        try:
            secrets = service.opened(tasks.runtime().vault, row)
        except ConfigError:
            secrets, self.unreadable = {}, True

        self.config = _part(self.spec.config, row.config or {}, None, "config-")
        self.credentials = _part(self.spec.credentials, secrets, None, "secret-", self.config)
        super().__init__(None, data={"name": row.name or ""})
        self.edit = Edit(self.values, self.label, inside=("config", "credentials"))
        if posted is not None:
            self.config = _part(self.spec.config, part(self.edit.seen, "config"), posted, "config-")
            self.credentials = _part(self.spec.credentials, secrets, posted, "secret-", self.config)
            self.process(posted)

    @property
    def values(self) -> dict[str, object]:
        """What the form holds; of each secret only a mark."""
        return {"name": self.name.data, "config": self.config.data, "credentials": _marked(self.credentials)}

    def label(self, path: Path) -> str:
        """What the page calls the part at a path of `values`."""
        if path == ("name",):
            return str(_("Name"))
        return (self.config if path[0] == "config" else self.credentials).label(path[-1])

    def merge(self) -> bool:
        """Takes in what others changed of the integration meanwhile. False where the page has to ask first."""
        merged, before = self.edit.merge(self.values), self.config
        self.name.data = merged["name"]
        self.config = _part(self.spec.config, part(merged, "config"), None, "config-")
        keep_secrets(before, self.config)
        mine, kept = _marked(self.credentials), part(merged, "credentials")
        for field in self.credentials:
            if isinstance(field, SecretField) and mine.get(field.info.key) != kept.get(field.info.key):
                field.text = ""  # the stored one is to be used
        return not self.edit.asks

    def validate(self, extra_validators: object = None) -> bool:
        return all([super().validate(extra_validators), self.config.validate(), self.credentials.validate()])

    @property
    def errors(self) -> dict[str, list[str]]:
        return {**super().errors, **self.config.errors, **self.credentials.errors}

    def save(self) -> bool:
        """Whether what was posted could be stored; if not, its problems stand beside the fields."""
        if self.config.acted or self.credentials.acted or not self.validate():
            return False
        if self.row.id and not self.merge():
            return False
        try:
            service.save(
                db.session(), tasks.runtime().vault, self.row,
                name=self.name.data, config=self.config.data, credentials=self.credentials.data,
                cause=Cause(g.actor.user.id),
                kept=[field.info.key for field in self.credentials if isinstance(field, SecretField) and field.is_kept],
            )  # fmt: skip
        except InvalidError as error:
            for problem in error.problems:
                self._place(problem.path.split("."), translated(problem.message))
            return False
        return True

    def _place(self, path: list[str], message: str) -> None:
        if path == ["name"]:
            self.name.errors = [message]
        else:
            part = self.config if path[0] == "config" else self.credentials
            part.show_at(path[1:], message)


def _part(
    model: type[Params],
    stored: Mapping[str, object],
    posted: Posted | None,
    prefix: str,
    beside: ParamsForm | None = None,
) -> ParamsForm:
    return forms.build(model, stored, posted, base=PlainForm, prefix=prefix, check=lambda _params: [], beside=beside)


def _marked(credentials: ParamsForm) -> dict[str, object]:
    """The credentials as a page may carry them: of each only a mark, by which to see that it is another one."""
    return {key: mark_of(value) if value else value for key, value in credentials.data.items()}
