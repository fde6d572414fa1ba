"""The form of an import: how its file is read, where the columns go, and what is done with the rows."""

from __future__ import annotations

from collections.abc import Sequence

import wtforms
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from wtforms.fields.choices import SelectChoice

from flowapp.crm.imports import targets
from flowapp.crm.imports.targets import DEFAULT_KEYS, Target
from flowapp.data.csv_reading import ENCODINGS, SEPARATORS, Sheet
from flowapp.errors import InvalidError, Problem
from flowapp.models import Import
from flowapp.web.forms.field import Posted
from flowapp.web.forms.page import FieldsForm
from flowapp.web.texts import label_of

OPTIONS = ("match", "mode", "create_companies", "start_workflows")
_READING = ("encoding", "separator", "sheet")


class ImportForm(FieldsForm):
    """Begun with what the import says; `posted` goes before that."""

    def __init__(self, session: Session, row: Import, sheet: Sheet, posted: Posted | None = None) -> None:
        known = targets.of(session, row.noun)
        fields = {**_reading(sheet), **_columns(sheet, known), **_options(row.noun, known)}
        stored = {f"map-{at}": name for at, name in row.mapping.items()}
        separator = _named(sheet.separator)
        super().__init__(fields, posted, {**row.reading, "separator": separator, **row.options, **stored})

    def reads_otherwise(self, row: Import) -> bool:
        """Whether the file is to be read in another way than the page shows it."""
        now = {name: str(row.reading.get(name, "")) for name in _READING}
        return any(name in self and self.reading[name] != now[name] for name in _READING)

    @property
    def reading(self) -> dict[str, str]:
        """How the file is to be read."""
        chosen = {name: str(self[name].data or "") if name in self else "" for name in _READING}
        return {**chosen, "separator": "\t" if chosen["separator"] == "tab" else chosen["separator"][:1]}

    @property
    def mapping(self) -> dict[int, str]:
        """Which column goes where."""
        columns = [
            (int(name.removeprefix("map-")), field) for name, field in self._fields.items() if name[:4] == "map-"
        ]
        return {at: str(field.data) for at, field in columns if field.data}

    @property
    def options(self) -> dict[str, object]:
        """What is done with the rows."""
        return {name: self[name].data for name in OPTIONS if name in self}

    def refused(self, error: InvalidError) -> ImportForm:
        """With each problem at its box."""
        self.show([Problem(one.path.replace("mapping.", "map-", 1), one.message) for one in error.problems])
        return self


def _reading(sheet: Sheet) -> dict[str, object]:
    if sheet.sheets:
        choices = [SelectChoice(name, name) for name in sheet.sheets]
        return {"sheet": wtforms.SelectField(_("Sheet"), choices=choices)} if len(choices) > 1 else {}
    if not sheet.encoding:
        return {}
    separators = {**SEPARATORS, **({} if sheet.separator in SEPARATORS else {sheet.separator: sheet.separator})}
    return {
        "encoding": wtforms.SelectField(
            _("Encoding"), choices=[SelectChoice(name, _(label)) for name, label in ENCODINGS.items()], validate_choice=False
        ),
        "separator": wtforms.SelectField(
            _("Separator"), choices=[SelectChoice(_named(one), _(label)) for one, label in separators.items()],
            validate_choice=False,
        ),
    }  # fmt: skip


def _columns(sheet: Sheet, known: Sequence[Target]) -> dict[str, object]:
    choices = [SelectChoice("", _("Skip")), *(SelectChoice(one.name, label_of(one)) for one in known)]
    return {
        f"map-{at}": wtforms.SelectField(name, choices=choices, default="", validate_choice=False)
        for at, name in enumerate(sheet.header)
    }


def _options(noun: str, known: Sequence[Target]) -> dict[str, object]:
    keys = [SelectChoice(one.name, label_of(one)) for one in known if one.key]
    usual = " / ".join(label_of(one) for name in DEFAULT_KEYS[noun] for one in known if one.name == name)
    modes = [
        SelectChoice("both", _("Create new ones and update those that exist")),
        SelectChoice("create", _("Only create new ones")),
        SelectChoice("update", _("Only update those that exist")),
    ]
    companies = wtforms.BooleanField(_("Create companies that do not exist yet"))
    return {
        "match": wtforms.SelectField(
            _("Recognize existing ones by"), choices=[SelectChoice("", usual), *keys], default="", validate_choice=False
        ),
        "mode": wtforms.SelectField(_("What to do"), choices=modes, default="both", validate_choice=False),
        **({"create_companies": companies} if noun != "company" else {}),
        "start_workflows": wtforms.BooleanField(
            _("Start workflows"), description=_("Workflows that listen for new or changed records run for every row.")
        ),
    }  # fmt: skip


def _named(separator: str) -> str:
    """A separator as the value of a choice: a tab has no other."""
    return "tab" if separator == "\t" else separator
