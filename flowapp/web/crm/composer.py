"""Forms with which people write notes and make tasks."""

from __future__ import annotations

import wtforms
from flask_babel import lazy_gettext as _l
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import DateInput, TimeInput

from flowapp.web.crm.boxes import suggesting
from flowapp.web.crm.nouns import Data
from flowapp.web.forms.field import Posted
from flowapp.web.forms.page import LongTextField, PageForm, text

TYPES = {"task": _l("To do"), "call": _l("Call"), "email": _l("E-mail"), "meeting": _l("Meeting")}
PRIORITIES = {"low": _l("Low"), "normal": _l("Normal"), "high": _l("High")}


def choice(label: str, options: dict[str, str], default: str) -> wtforms.SelectField:
    """A choice that the service checks."""
    choices = [SelectChoice(value, name) for value, name in options.items()]
    return wtforms.SelectField(label, choices=choices, default=default, validate_choice=False)


class NoteForm(PageForm):
    """A note."""

    text = LongTextField(_l("Note"), default="", render_kw={"rows": 3})


class TaskForm(PageForm):
    """A task."""

    title = text(label=_l("Task"))
    due_date = text(label=_l("Due"), widget=DateInput())
    due_time = text(label=_l("Time"), widget=TimeInput())
    type = choice(_l("Type"), TYPES, "task")
    priority = choice(_l("Priority"), PRIORITIES, "normal")
    assignee_id = wtforms.SelectField(_l("Assignee"), default="", validate_choice=False, choices=[])
    description = LongTextField(_l("Description"), default="", render_kw={"rows": 3})
    deal_id = text(label=_l("Deal"))
    contact_id = text(label=_l("Contact"))
    company_id = text(label=_l("Company"))

    def __init__(self, members: dict[str, str], posted: Posted | None = None, stored: Data | None = None) -> None:
        super().__init__(posted, data=stored or {})
        nobody = SelectChoice("", _l("Nobody"))
        for name in ("deal", "contact", "company"):
            self[f"{name}_id"].render_kw = suggesting(name)
        self.assignee_id.choices = [nobody, *(SelectChoice(one, name) for one, name in members.items())]
