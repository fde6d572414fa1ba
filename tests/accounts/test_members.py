"""People, without pages."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.accounts import invitations, members
from flowapp.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from flowapp.extensions import db
from flowapp.models import AccessToken, Invitation, Member, Organization, User, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security import passwords
from flowapp.security.roles import Role
from flowapp.template_library import demo
from tests.support.browser import PASSWORD


@pytest.fixture
def ada(app: Any) -> Iterator[User]:
    """The owner of an organization, inside the application's context."""
    with app.app_context():
        yield members.set_up(db.engine, name="Ada", email="ada@example.com", password=PASSWORD, organization="Acme")


@pytest.fixture
def session(ada: User) -> Iterator[Session]:
    with system_session(db.engine) as system:
        organization_id = system.scalars(select(Organization.id)).one()
    with tenant_session(db.engine, organization_id) as own:
        yield own


def join(session: Session, email: str, role: Role) -> Member:
    """A new member."""
    user = members.make_user(name=email.partition("@")[0], email=email, password=PASSWORD)
    session.add(user)
    session.flush()
    session.add(Member(user_id=user.id, role=role.label))
    session.commit()
    return session.scalars(select(Member).filter_by(user_id=user.id)).one()


def me(session: Session, user: User) -> Member:
    return session.scalars(select(Member).filter_by(user_id=user.id)).one()


def test_of_two_first_visits_at_once_one_wins(app: Any) -> None:
    barrier = Barrier(2)

    def visit(number: int) -> str:
        with app.app_context():
            barrier.wait(10)
            try:
                return members.set_up(db.engine, name="A", email=f"a{number}@example.com", password=PASSWORD).email
            except ConflictError:
                return "late"

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(visit, range(2)))
    assert outcomes.count("late") == 1
    with app.app_context(), system_session(db.engine) as system:
        assert system.scalars(select(User.email)).all() == [next(o for o in outcomes if o != "late")]
        assert system.scalar(select(func.count()).select_from(Organization)) == 1
    with app.app_context(), pytest.raises(ConflictError):
        members.set_up(db.engine, name="B", email="b@example.com", password=PASSWORD)


def test_sign_in_asks_for_the_right_password(ada: User) -> None:
    assert members.sign_in(db.engine, " ADA@example.com", PASSWORD).id == ada.id
    assert members.sign_in(db.engine, "ada@example.com", PASSWORD + "x") is None
    assert members.sign_in(db.engine, "eve@example.com", PASSWORD) is None


def test_another_password_ends_the_sessions(session: Session, ada: User) -> None:
    with pytest.raises(InvalidError) as caught:
        members.change_password(session, ada.id, "wrong", "a new password")
    assert [p.path for p in caught.value.problems] == ["current_password"]
    user = members.change_password(session, ada.id, PASSWORD, "a new password")
    session.commit()
    assert user.get_id() != ada.get_id()
    assert members.sign_in(db.engine, "ada@example.com", "a new password")


def test_the_last_owner_stays(session: Session, ada: User) -> None:
    member = me(session, ada)
    for act in (
        lambda: members.set_role(session, member, Role.ADMIN, by=Role.OWNER),
        lambda: members.remove_member(session, member, by=Role.OWNER),
    ):
        with pytest.raises(ConflictError, match="last owner"):
            act()
    join(session, "bob@example.com", Role.OWNER)
    members.set_role(session, member, Role.VIEWER, by=Role.OWNER)
    assert member.role == "viewer"


def test_admins_cannot_touch_owners(session: Session, ada: User) -> None:
    bob = join(session, "bob@example.com", Role.EDITOR)
    for act in (
        lambda: members.set_role(session, me(session, ada), Role.ADMIN, by=Role.ADMIN),
        lambda: members.remove_member(session, me(session, ada), by=Role.ADMIN),
        lambda: members.set_role(session, bob, Role.OWNER, by=Role.ADMIN),
    ):
        with pytest.raises(ForbiddenError):
            act()
    members.set_role(session, bob, Role.ADMIN, by=Role.ADMIN)
    assert bob.role == "admin"


def test_whoever_leaves_takes_no_token_along(session: Session) -> None:
    bob = join(session, "bob@example.com", Role.EDITOR)
    row, text = members.create_token(session, bob.user_id, "Website", Role.VIEWER, by=Role.EDITOR)
    assert text not in (row.token_hash, row.prefix)
    members.remove_member(session, bob, by=Role.OWNER)
    session.commit()
    assert session.get_one(AccessToken, row.id).revoked_at


def test_a_token_is_never_above_its_maker(session: Session, ada: User) -> None:
    with pytest.raises(InvalidError, match="role"):
        members.create_token(session, ada.id, "x", Role.ADMIN, by=Role.EDITOR)


def test_tokens_of_others_are_for_admins(session: Session, ada: User) -> None:
    row, _text = members.create_token(session, ada.id, "x", Role.VIEWER, by=Role.OWNER)
    bob = join(session, "bob@example.com", Role.EDITOR)
    with pytest.raises(NotFoundError):
        members.revoke_token(session, row.id, user_id=bob.user_id, by=Role.EDITOR)
    assert members.revoke_token(session, row.id, user_id=bob.user_id, by=Role.ADMIN).revoked_at


def test_an_invitation_works_once(session: Session, ada: User) -> None:
    _row, token = invitations.invite(session, "Bob@Example.com", Role.EDITOR, by=Role.ADMIN, actor_id=ada.id)
    session.commit()
    invitation, place, known = invitations.find(db.engine, token)
    assert (invitation.email, place.name, known) == ("bob@example.com", "Acme", None)
    bob = members.make_user(name="Bob", email=invitation.email, password=PASSWORD)
    invitations.accept(db.engine, invitation, bob)
    assert me(session, bob).role == "editor"
    with pytest.raises(NotFoundError):
        invitations.find(db.engine, token)
    with pytest.raises(NotFoundError):
        invitations.accept(db.engine, invitation, bob)


def test_a_newer_invitation_replaces_the_older(session: Session, ada: User) -> None:
    _row, first = invitations.invite(session, "bob@example.com", Role.EDITOR, by=Role.OWNER, actor_id=ada.id)
    row, second = invitations.invite(session, "bob@example.com", Role.VIEWER, by=Role.OWNER, actor_id=ada.id)
    session.commit()
    with pytest.raises(NotFoundError):
        invitations.find(db.engine, first)
    assert invitations.find(db.engine, second)[0].role == "viewer"
    session.get_one(Invitation, row.id).expires_at = utcnow() - timedelta(seconds=1)
    session.commit()
    with pytest.raises(NotFoundError):
        invitations.find(db.engine, second)


@pytest.mark.parametrize(
    ("email", "role", "path"),
    [("ada@example.com", Role.VIEWER, "email"), ("x", Role.VIEWER, "email"), ("b@example.com", Role.OWNER, "role")],
)
def test_who_cannot_be_invited(session: Session, ada: User, email: str, role: Role, path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        invitations.invite(session, email, role, by=Role.ADMIN, actor_id=ada.id)
    assert [p.path for p in caught.value.problems] == [path]


def test_the_demo_is_added_once(session: Session, ada: User) -> None:
    organization = session.scalars(select(Organization)).one()
    first = demo.seed_demo(session, organization, ada.id)
    session.commit()
    assert demo.seed_demo(session, organization, ada.id).id == first.id
    assert demo.seed_template(session, ada.id).id == demo.seed_template(session, ada.id).id


@pytest.mark.parametrize("act", ["sign_in", "unknown", "change", "join"])
def test_no_connection_is_held_while_a_password_is_hashed(
    session: Session, ada: User, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    held: list[int] = []

    class Watched:
        """Argon2, seen from outside."""

        def __getattr__(self, name: str) -> Any:
            held.append(db.engine.pool.checkedout())
            return getattr(real, name)

    session.close()
    real = passwords._hasher
    monkeypatch.setattr(passwords, "_hasher", Watched())
    if act == "change":
        members.change_password(session, ada.id, PASSWORD, "a new password")
        session.commit()
    elif act == "join":
        members.make_user(name="Bob", email="bob@example.com", password=PASSWORD)
    else:
        members.sign_in(db.engine, "ada@example.com" if act == "sign_in" else "eve@example.com", PASSWORD)
    assert held
    assert not any(held)


def test_a_password_changed_while_the_old_one_is_looked_at_signs_nobody_in(
    session: Session, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(_stored: str, _password: str) -> bool:
        session.get_one(User, ada.id).password_hash = "another"
        session.commit()
        return True

    monkeypatch.setattr(members, "check_password", meanwhile)
    assert members.sign_in(db.engine, "ada@example.com", PASSWORD) is None
    with pytest.raises(ConflictError):
        monkeypatch.setattr(members, "check_password", lambda *_: True)
        monkeypatch.setattr(members, "hash_password", lambda new: meanwhile("", new) and new)
        session.get_one(User, ada.id).password_hash = "the first"
        session.commit()
        members.change_password(session, ada.id, PASSWORD, "a new password")
