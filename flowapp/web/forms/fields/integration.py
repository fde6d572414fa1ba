"""The integration that a step uses, where to connect one, and which of its actions is meant."""

from __future__ import annotations

from flask import g, url_for
from flask_babel import gettext as _

from flowapp.catalog import ActionSpec, ConnectorSpec, actions_of, connector_meant, connector_named, integration_action
from flowapp.catalog.resources import is_among
from flowapp.errors import NotFoundError
from flowapp.security.roles import Role
from flowapp.values.text import folded
from flowapp.web.forms.field import ParamField
from flowapp.web.forms.fields.choice import Choices, SelectField
from flowapp.web.forms.providers import Providers
from flowapp.web.forms.text import kind, shown


def service_of(providers: Providers, reference: str) -> ConnectorSpec | None:
    """The type of the integration that is meant by id, name, type or provider; None where nobody can tell."""
    return connector_meant(providers.choices("integration"), reference)


class IntegrationField(SelectField, widgets=("integration",), template="forms/integration.html"):
    """Those that are connected. A name, a type of service or a provider that is stored stays what it is."""

    def process_data(self, value: object) -> None:
        self.value, self.kind = shown(value), kind(value)

    def called(self, value: str) -> str:
        """A type of service, or one of its providers, means the first one of them."""
        found = [one for one in self.meta.providers.choices("integration") if is_among([one], value)]
        if any(folded(one.label) == folded(value) for one in found):
            return value
        spec = connector_named(value)
        if spec is None:
            return super().called(value)
        label = str(_(spec.label))
        if found:
            return str(_("%(service)s (the first one connected)", service=label))
        return str(_("%(service)s (not connected yet)", service=label))

    @property
    def hint(self) -> str:
        return str(self.description) if self._offered() else str(_("There is no suitable integration yet."))

    @property
    def connects(self) -> str | None:
        """Where an integration that is not there can be connected beside this form; None for readers."""
        actor = g.get("actor")
        if actor is None or actor.role < Role.ADMIN:
            return None
        place = {"field": self.name}
        if self.info.integration_type:
            return url_for("integration_dialog.connect", integration_type=self.info.integration_type, **place)
        return url_for("integration_dialog.choose", **place)


class IntegrationActionField(SelectField, widgets=("integration_action",), template="forms/select.html"):
    """The actions of the service that the field `depends_on` names. One that is stored keeps the name it is stored under."""

    @property
    def service(self) -> ConnectorSpec | None:
        """The service; None where nobody can tell, because an expression names it, say."""
        return service_of(self.meta.providers, self._form.current(self.info.depends_on))

    @property
    def action(self) -> ActionSpec | None:
        """The chosen action, or the default one."""
        return self._meant(self.value)

    def _meant(self, name: str) -> ActionSpec | None:
        service = self.service
        try:
            return integration_action(service, name) if service else None
        except NotFoundError:
            return None

    def _offered(self) -> Choices:
        service = self.service
        if service is None:
            return []
        stored = self._meant(self.value) if self.value else None
        return [
            (self.value if spec is stored else name.removeprefix(f"{service.type}_"), str(_(spec.label)))
            for name, spec in actions_of(service).items()
        ]

    def called(self, value: str) -> str:
        return super().called(value) if self.service else value

    @property
    def blank(self) -> str | None:
        usual = self._meant("")
        return str(_("Usual action: %(action)s", action=_(usual.label))) if usual else super().blank

    @property
    def hint(self) -> str:
        action = self._meant(self.value)
        if action:
            return str(_(action.description))
        return str(self.description if self._form.current(self.info.depends_on) else _("Choose the connection first."))


def action_of(field: ParamField) -> ActionSpec | None:
    """The action that a field of a form names; None where nobody can tell."""
    return field.action if isinstance(field, IntegrationActionField) else None
