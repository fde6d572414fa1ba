"""Accounts, tokens and the demo."""

from __future__ import annotations

import time

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from flowapp import tasks
from flowapp.accounts import members, password_resets
from flowapp.cli.words import RefusedError, tell
from flowapp.errors import FlowError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Member, Organization, User
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.roles import Role
from flowapp.tasks.starting import commit_and_start
from flowapp.template_library import demo
from flowapp.template_library.demo_year import Size, seeding

ROLES = [role.label for role in Role]
_ACTOR = (None, "command line")


@click.command("create-superuser")
@click.option("--email", prompt="E-mail", help="If the account already exists, set its password and role.")
@click.option("--name", default="", help="Default: the part of the e-mail address before the @.")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@click.option("--organization", default="", help="Name of the organization, if there is none yet.")
@with_appcontext
def create_superuser(email: str, name: str, password: str, organization: str) -> None:
    """Makes an owner; on a new installation the organization too."""
    try:
        user, is_new = members.add_owner(
            db.engine,
            name=name or email.partition("@")[0],
            email=email,
            password=password,
            organization=organization,
            furnish=demo.furnish,
        )
    except FlowError as error:
        raise RefusedError(error) from None
    tell(f"{user.email} was made." if is_new else f"{user.email} has a new password and is an owner.")


@click.command("create-token")
@click.option("--email", required=True, help="The member the token belongs to.")
@click.option("--role", type=click.Choice(ROLES, case_sensitive=False), help="Default: the member's own role.")
@click.option("--name", default="Command line", help="Name shown in the list of tokens.")
@with_appcontext
def create_token(email: str, role: str | None, name: str) -> None:
    """Makes an API token; it stands alone on the last line."""
    try:
        members.ensure_admin(db.engine, current_app.extensions["settings"], demo.furnish)
    except FlowError as error:
        raise RefusedError(error) from None
    with system_session(db.engine) as system:
        query = select(Member).join(User, User.id == Member.user_id).where(User.email == email.strip().lower())
        member = system.scalars(query.order_by(Member.id).limit(1)).first()
    if member is None:
        raise click.ClickException(f"There is no member with the e-mail address “{email}”.")
    own = Role.read(member.role)
    with tenant_session(db.engine, member.organization_id) as session:
        try:
            row, token = members.create_token(session, member.user_id, name, Role.read(role) if role else own, by=own)
        except FlowError as error:
            raise RefusedError(error) from None
        audit(session, "token.created", actor=_ACTOR, target=("token", row.id, row.name))
        session.commit()
    tell(token)


@click.command("reset-password")
@click.option("--email", required=True, help="The address of the account.")
@with_appcontext
def reset_password(email: str) -> None:
    """Makes a link with which a person chooses a new password; it stands alone on the last line, and is good for an hour."""
    begun = password_resets.begin(db.engine, email, at_most=1000)
    if begun is None:
        raise click.ClickException(f"There is no account with the e-mail address “{email}”.")
    user, token = begun
    members.note(db.engine, "user.password_reset_requested", user, details={"by": "command line"})
    tell(f"{tasks.runtime().public_url()}/reset-password/{token}")


@click.command("seed-demo")
@click.option("--language", type=click.Choice(["en", "fr"]), help="By default the owner's.")
@click.option(
    "--contacts",
    type=click.IntRange(0, 20_000),
    default=2000,
    show_default=True,
    help="Contacts of the year of records; companies and deals follow. 0: none.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another number makes other records.")
@with_appcontext
def seed_demo(language: str | None, contacts: int, seed: int) -> None:
    """Adds the template, the example (form, data table, schema, workflow) and a year of records to each organization.

    What is there already stays as it is: an organization gets its records once.
    """
    with system_session(db.engine) as system:
        owners = select(Member).where(Member.role == Role.OWNER.label).order_by(Member.id.desc())
        owners_by_organization = {m.organization_id: (m.user_id, m.user.locale) for m in system.scalars(owners)}
    if not owners_by_organization:
        raise click.ClickException("There is no organization yet. Run create-superuser first.")
    for organization_id, (user_id, own_language) in owners_by_organization.items():
        spoken = language or own_language
        with tenant_session(db.engine, organization_id) as session:
            organization = session.get_one(Organization, organization_id)
            demo.seed_template(session, user_id, spoken)
            workflow = demo.seed_demo(session, organization, user_id, spoken)
            is_filled = seeding.is_filled(session)
            session.commit()
            tell(f"{organization.name}: “{workflow.name}” is ready.")
        if contacts and not is_filled:
            _seed_year(organization_id, spoken, user_id, seeding.sized(contacts), seed)


def _seed_year(organization_id: str, language: str, user_id: str, size: Size, seed: int) -> None:
    began = time.monotonic()
    missed = seeding.seed_year(db.engine, organization_id, language=language, size=size, seed=seed)
    with tenant_session(db.engine, organization_id) as session:
        commit_and_start(session, *seeding.executions(session, language, user_id))
    tell(
        f"{size.contacts} contacts, {size.companies} companies and {size.deals} deals with a year of history: "
        f"{time.monotonic() - began:.0f} s" + (f", {missed} entries could not be written." if missed else ".")
    )


COMMANDS = (create_superuser, create_token, reset_password, seed_demo)
