"""The form of what a workflow template asks for."""

from __future__ import annotations

from flowapp.extensions import db
from flowapp.template_library import library
from flowapp.template_library.library import WorkflowTemplate
from flowapp.web.forms.field import Posted
from flowapp.web.forms.form import ParamsForm, PlainForm, build
from flowapp.web.forms.providers import of_project
from flowapp.workflows.projects import default_project


def values_form(template: WorkflowTemplate, posted: Posted | None) -> ParamsForm:
    """The form of a template's values; nothing is evaluated in it."""
    session = db.session()
    providers = of_project(session, template.own.project_id if template.own else default_project(session).id)
    return build(
        template.params, template.values, posted, base=PlainForm, providers=providers, prefix="v-",
        check=lambda values: library.check(template, completed(template, values)),
    )  # fmt: skip


def values_of(template: WorkflowTemplate, form: ParamsForm) -> dict[str, object]:
    """What was filled in."""
    return completed(template, form.data)


def completed(template: WorkflowTemplate, values: dict[str, object]) -> dict[str, object]:
    """With an empty text where somebody emptied one: what is left out would stand as the template has it."""
    return {**{name: "" for name, value in template.values.items() if isinstance(value, str)}, **values}
