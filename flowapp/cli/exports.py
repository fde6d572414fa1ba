"""Workflows as files: `flask --app wsgi export` and `import`. The page and the API read and write the same files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO

import click
from flask.cli import with_appcontext
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.cli.words import RefusedError, tell
from flowapp.errors import FlowError
from flowapp.extensions import db
from flowapp.models import Organization, Workflow, read_id, read_number
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.workflows import exports
from flowapp.workflows.exports import Import, Mode

_organization = click.option("--organization", default="", help="Its name or id, where there are several.")
_SAID = {
    "created": "“{name}” was imported as a draft.",
    "replaced": "The draft of “{name}” was replaced. Publish it to run it; the page's Undo takes it back.",
    "copied": "“{name}” was imported as a draft.",
}


@click.command("export")
@click.argument("references", metavar="[WORKFLOW]...", nargs=-1)
@click.option(
    "--output", "-o", type=click.File("w", encoding="utf-8", atomic=True), default="-", help="Default: standard output."
)
@_organization
@with_appcontext
def export(references: tuple[str, ...], output: IO[str], organization: str) -> None:
    """Writes the drafts of each WORKFLOW (id, number or name; all if none is given) as JSON.

    With them go the tables, schemas, forms and e-mail templates that they use, without records. Secrets are masked.
    """
    with tenant_session(db.engine, _meant(organization)) as session:
        rows = [_find(session, reference) for reference in references] or list(
            session.scalars(select(Workflow).order_by(Workflow.id))
        )
        file = exports.exported(session, rows)
    output.write(json.dumps(file, ensure_ascii=False, indent=2) + "\n")


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--replace", is_flag=True, help="Replace the drafts of workflows that are here already. Undo is possible."
)
@click.option("--copy", is_flag=True, help="Import such workflows as copies, with new webhook addresses.")
@_organization
@with_appcontext
def import_(file: IO[bytes], *, replace: bool, copy: bool, organization: str) -> None:
    """Reads workflows from a FILE that “export” or the page wrote (-: standard input). All of it, or nothing.

    Nothing that is imported starts before it is published. Tables, schemas, forms and e-mail templates are made where they are missing.
    """
    if replace and copy:
        raise click.UsageError("Choose one of --replace and --copy.")
    mode: Mode | None = "replace" if replace else "copy" if copy else None
    with tenant_session(db.engine, _meant(organization)) as session:
        try:
            read = exports.read_file(_json(file))
            _ask(exports.present(session, read), mode)
            imported, made = exports.import_file(session, read, mode, actor_id=None)
            lines = [line for one in imported for line in _lines(one)]
            session.commit()
        except FlowError as error:
            raise RefusedError(error) from None
    tell(*lines, *(f"{part}: {', '.join(names)}" for part, names in made.items() if names))


def _meant(organization: str) -> str:
    """The id of the organization. UsageError where it is not clear which one is meant."""
    query = select(Organization.id, Organization.name).order_by(Organization.name)
    if own_id := read_id(organization):
        query = query.where(Organization.id == own_id)
    elif organization:
        query = query.where(Organization.name == organization)
    with system_session(db.engine) as system:
        rows = system.execute(query).all()
    if len(rows) == 1:
        return str(rows[0].id)
    if organization:
        raise click.BadParameter(f"There is no organization “{organization}”, or several.", param_hint="--organization")
    if not rows:
        raise click.ClickException("There is no organization yet. Run create-superuser first.")
    names = ", ".join(f"“{name}”" for _, name in rows[:10])
    raise click.UsageError(f"There are several organizations: choose one with --organization. Among them: {names}.")


def _find(session: Session, reference: str) -> Workflow:
    """UsageError where no workflow, or more than one, is called so."""
    own_id = read_id(reference)
    by = Workflow.id == own_id if own_id else or_(Workflow.name == reference, Workflow.number == read_number(reference))
    found = session.scalars(select(Workflow).where(by).limit(2)).all()
    if len(found) != 1:
        problem = "There are several workflows" if found else "There is no workflow"
        raise click.UsageError(f"{problem} “{reference}”: give the id.")
    return found[0]


def _json(file: IO[bytes]) -> object:
    try:
        return exact_json.loads(file.read())
    except ValueError as error:
        raise click.BadParameter(f"This is not valid JSON: {error}.", param_hint="FILE") from None


def _ask(present: Iterable[Workflow], mode: Mode | None) -> None:
    names = ", ".join(f"“{workflow.name}”" for workflow in present)
    if names and mode is None:
        raise click.UsageError(
            f"Already here: {names}. Give --replace to replace their drafts, or --copy to import copies beside them."
        )


def _lines(one: Import) -> list[str]:
    said = _SAID[one.outcome].format(name=one.workflow.name)
    return [said, *(f"New webhook address: /hooks/{key}" for key in one.new_keys)]


COMMANDS = (export, import_)
