"""An organization with an owner at a browser, and its records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, pipelines
from flowapp.events import Cause
from flowapp.extensions import db
from flowapp.models import Company, Contact, Deal, Organization, User
from flowapp.models.tenancy import system_session, tenant_session
from tests.support.browser import PASSWORD, Browser
from tests.support.tenant import add_person


class Crm:
    """Makes and reads records as the owner, Ada."""

    def __init__(self, app: Flask) -> None:
        self.app, self.ada = app, Browser(app).set_up()
        with app.app_context(), system_session(db.engine) as system:
            self.organization_id = system.scalars(select(Organization.id)).one()
            self.user_id = system.scalars(select(User.id)).one()

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.app.app_context(), tenant_session(db.engine, self.organization_id) as session:
            yield session
            session.commit()

    @property
    def cause(self) -> Cause:
        return Cause(self.user_id)

    def contact(self, email: str, **data: Any) -> str:
        with self.session() as session:
            return contacts.create(session, {"email": email, **data}, cause=self.cause).id

    def company(self, name: str, **data: Any) -> str:
        with self.session() as session:
            return companies.create(session, {"name": name, **data}, cause=self.cause).id

    def deal(self, title: str, **data: Any) -> str:
        with self.session() as session:
            return deals.create(session, {"title": title, **data}, cause=self.cause).id

    def get(self, model: type[Contact | Company | Deal], record_id: str) -> Any:
        with self.session() as session:
            return session.get_one(model, record_id)

    def stage(self, name: str) -> str:
        """The id of a stage of the first pipeline."""
        with self.session() as session:
            return next(stage.id for stage in pipelines.default(session).stages if stage.name == name)

    def member(self, role: str) -> Browser:
        """One more member, signed in."""
        from flowapp.security.passwords import hash_password

        with self.app.app_context(), system_session(db.engine) as system:
            add_person(
                system, self.organization_id, role, f"{role}@example.com", name="Grace Hopper",
                password_hash=hash_password(PASSWORD),
            )  # fmt: skip
            system.commit()
        browser = Browser(self.app)
        browser.sign_in(f"{role}@example.com")
        return browser


@pytest.fixture
def crm(app: Flask) -> Crm:
    return Crm(app)
