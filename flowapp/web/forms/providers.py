"""What the fields of a form offer: what the project has (catalog.resources), the columns of its tables, the other steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog.resources import Choices, ProjectLookup, is_among
from flowapp.models import DataTable
from flowapp.models.definitions import ColumnJson
from flowapp.web.texts import translated

Pairs = Sequence[tuple[str, str]]
Columns = Sequence[ColumnJson]


def _no_columns(_table: str) -> Columns:
    return ()


def _no_choices(_resource: str) -> Choices:
    return ()


@dataclass(frozen=True, slots=True)
class Providers:
    """`steps` are (step_id, name); `columns` gives a table's by its slug, `choices` what there is of a resource."""

    steps: Pairs = ()
    columns: Callable[[str], Columns] = _no_columns
    choices: Callable[[str], Choices] = _no_choices

    def pairs(self, resource: str, kind: str = "") -> list[tuple[str, str]]:
        """The choices as (value, label), of one type only where `kind` says which."""
        return [
            (one.value, translated(one.label)) for one in self.choices(resource) if kind in ("", one.kind)
        ]  # fmt: skip

    def offered_as(self, resource: str, name: str) -> str:
        """The value under which what is called so is offered; the name as it is where nothing is."""
        there = self.choices(resource) if name and resource else ()
        known = (one.value for one in there if is_among([one], name))
        return name if any(one.value == name for one in there) else next(known, name)


def of_project(session: Session, project_id: str, steps: Pairs = (), without: str = "") -> Providers:
    """What a project has; `steps` are the other steps of the workflow, which `without` is the id of."""
    tables = session.scalars(select(DataTable).filter_by(project_id=project_id)).all()
    columns = {table.slug: table.columns for table in tables}
    resources = ProjectLookup(session, project_id)
    return Providers(
        steps=steps,
        columns=lambda slug: columns.get(slug, ()),
        choices=lambda name: [one for one in resources.choices(name) if one.value != without],
    )
