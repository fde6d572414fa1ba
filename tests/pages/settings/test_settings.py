"""Members, invitations, tokens, audit, organization, profile."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import AccessToken, AuditEntry, Invitation, Member, Organization, User, new_id
from flowapp.models.tenancy import system_session
from tests.support.browser import PASSWORD, Browser


@pytest.fixture
def ada(app: Any) -> Browser:
    """The owner."""
    return Browser(app).set_up()


def rows(app: Any, model: Any) -> list[Any]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(model).order_by(model.id)))


def invite(ada: Browser, email: str, role: str = "editor") -> str:
    """The path of the link."""
    ada.post_and_open("/settings/members/invite", {"email": email, "role": role})
    return re.search(r'value="http://localhost(/invite/[^"]+)"', ada.text).group(1)


@pytest.fixture
def bob(app: Any, ada: Browser) -> Browser:
    """An editor."""
    browser = Browser(app)
    browser.post(invite(ada, "bob@example.com"), {"name": "Bob", "password": PASSWORD})
    return browser


def member(app: Any, email: str) -> Member:
    return next(m for m in rows(app, Member) if m.user.email == email)


def test_an_invited_person_joins_with_a_new_account(app: Any, ada: Browser, smtp: Any) -> None:
    path = invite(ada, "bob@example.com", "operator")
    (mail,) = smtp.wait_for(1)
    assert mail.recipients == ["bob@example.com"]
    assert path in mail.text
    assert path.rpartition("/")[2] not in str([vars(i) for i in rows(app, Invitation)])
    bob = Browser(app)
    bob.get(path)
    assert "Join Acme" in bob.text
    bob.post(path, {"name": "Bob", "password": "short"}, 422)
    assert "at least 10 characters" in bob.text
    assert bob.post(path, {"name": "Bob", "password": PASSWORD}).location == "/"
    bob.get("/settings/profile")
    assert member(app, "bob@example.com").role == "operator"
    assert rows(app, AuditEntry)[-1].action == "member.joined"
    Browser(app).get(path, 404)


def test_an_invitation_is_made_though_the_mail_fails(ada: Browser, smtp: Any) -> None:
    smtp.refused.add("bob@example.com")
    path = invite(ada, "bob@example.com")
    assert "could not be sent by e-mail" in ada.text
    ada.get(path)


def test_an_account_of_elsewhere_joins_after_signing_in(app: Any, ada: Browser, bob: Browser) -> None:
    place = Organization(id=new_id(), name="Other place")
    with app.app_context(), system_session(db.engine) as system:
        system.add(place)
        system.flush()
        system.add(Member(organization_id=place.id, user_id=member(app, "bob@example.com").user_id, role="owner"))
        system.commit()
    ada.post("/settings/members/" + member(app, "bob@example.com").id + "/remove")
    path = invite(ada, "bob@example.com")
    stranger = Browser(app)
    stranger.get(path)
    assert f"/login?next={path}" in stranger.text
    stranger.post(path, {"name": "Eve", "password": PASSWORD}, 403)
    ada.post(path, {}, 403)
    bob.get(path)
    bob.post(path)
    bob.get("/settings/profile")
    assert "Current organization" in bob.text
    assert "Other place" in bob.text
    bob.post("/settings/profile/organization", {"organization": place.id})
    bob.get("/settings/organization")
    assert 'value="Other place"' in bob.text
    bob.post("/settings/profile/organization", {"organization": new_id()}, 404)


def test_an_invitation_can_be_withdrawn(app: Any, ada: Browser) -> None:
    path = invite(ada, "bob@example.com")
    ada.get("/settings/members")
    assert ada.text.count('class="table data-table stacked"') == 2 and 'data-label="Valid until"' in ada.text
    assert "bob@example.com" in ada.text
    ada.post(f"/settings/members/invitations/{rows(app, Invitation)[0].id}/withdraw")
    Browser(app).get(path, 404)


def test_roles_change_and_members_leave(app: Any, ada: Browser, bob: Browser) -> None:
    path = "/settings/members/" + member(app, "bob@example.com").id
    bob.get("/settings/members", 403)
    ada.post(path + "/role", {"role": "admin"})
    bob.get("/settings/members")
    bob.post("/settings/members/" + member(app, "ada@example.com").id + "/role", {"role": "viewer"}, 403)
    bob.post(path + "/role", {"role": "owner"}, 403)
    ada.post(path + "/role", {"role": "king"}, 422)
    ada.post(path + "/remove")
    bob.get("/settings/profile", 303)
    assert [e.action for e in rows(app, AuditEntry)][-2:] == ["member.role_changed", "member.removed"]


def test_the_last_owner_cannot_go(app: Any, ada: Browser) -> None:
    path = "/settings/members/" + member(app, "ada@example.com").id
    ada.post(path + "/role", {"role": "admin"}, 409)
    ada.post(path + "/remove", {}, 409)
    assert "Make someone else an owner first" in ada.text
    ada.post(f"/settings/members/{new_id()}/remove", {}, 404)


def test_a_token_is_shown_once_works_and_can_be_revoked(app: Any, ada: Browser, bob: Browser) -> None:
    ada.post_and_open("/settings/tokens/new", {"name": "Website", "role": "operator", "days": "30"})
    token = re.search(r'value="(fla_[^"]+)"', ada.text).group(1)
    headers = {"Authorization": f"Bearer {token}"}
    (row,) = rows(app, AccessToken)
    assert (row.name, row.role, row.expires_at is None) == ("Website", "operator", False)
    assert token not in row.token_hash
    assert app.test_client().get("/api/v1/automation/workflows/", headers=headers).status_code == 200
    ada.get("/settings/tokens")
    assert 'class="table data-table stacked"' in ada.text and 'data-label="Expires"' in ada.text
    assert token not in ada.text
    assert token[:12] in ada.text
    assert "just now" in ada.text
    bob.get("/settings/tokens")
    assert token[:12] not in bob.text
    bob.post(f"/settings/tokens/{row.id}/revoke", {}, 404)
    ada.post(f"/settings/tokens/{row.id}/revoke")
    assert app.test_client().get("/api/v1/automation/workflows/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "data",
    [
        {"name": "x", "role": "owner", "days": ""},
        {"name": "x", "role": "viewer", "days": "7"},
        {"name": "", "role": "viewer", "days": ""},
    ],
)
def test_a_wrong_token_is_not_made(app: Any, bob: Browser, data: dict[str, str]) -> None:
    bob.post("/settings/tokens/new", data, 422)
    assert "field-error" in bob.text
    assert rows(app, AccessToken) == []


def test_the_audit_is_filtered_and_paged(app: Any, ada: Browser, bob: Browser) -> None:
    ada.get("/settings/audit?action=member.joined")
    assert ada.text.count("<time") == 1
    ada.get("/settings/audit?actor=bob@example.com&action=organization.created")
    assert "Nothing found" in ada.text
    with app.app_context(), system_session(db.engine) as system:
        place = system.scalars(select(Organization)).one()
        for number in range(60):
            system.add(
                AuditEntry(
                    organization_id=place.id,
                    actor_label="loop",
                    action="test",
                    object_type="x",
                    object_label=f"No {number}.",
                )
            )
        system.commit()
    ada.get("/settings/audit?actor=loop")
    assert ada.text.count("<time") == 50
    assert "60 entries" in ada.text
    ada.get(re.search(r'rel="next" href="([^"]+)"', ada.text).group(1).replace("&amp;", "&"))
    assert ada.text.count("<time") == 10
    ada.get("/settings/audit?cursor=nonsense", 404)
    ada.get("/settings/audit?q=No+59.", headers={"HX-Request": "true"})
    assert ada.text.strip().startswith('<div id="list"')
    bob.get("/settings/audit", 403)


def test_the_organization_is_renamed(app: Any, ada: Browser, bob: Browser) -> None:
    assert "French (France): 1\u202f234,50 · 31/12/2026" in ada.get("/settings/organization").text
    ada.post("/settings/organization", {"name": "Analytical", "timezone": "Europe/Paris", "locale": "fr-FR"})
    (place,) = rows(app, Organization)
    assert (place.name, place.timezone, place.locale) == ("Analytical", "Europe/Paris", "fr-FR")
    assert rows(app, AuditEntry)[-1].details == {"before": {"name": "Acme", "timezone": "UTC", "locale": ""}}
    for wrong in ({"name": " ", "timezone": "UTC"}, {"name": "x", "timezone": "Mars"}, {"locale": "xx-YY"}):
        ada.post("/settings/organization", wrong, 422)
    bob.post("/settings/organization", {"name": "Mine", "timezone": "UTC"}, 403)


def test_the_profile_is_saved(app: Any, ada: Browser) -> None:
    ada.post("/settings/profile", {"name": "Ada L", "locale": "fr", "timezone": "Asia/Tokyo", "theme": "dark"})
    ada.get("/settings/profile")
    assert '<html lang="fr"' in ada.text
    assert 'data-bs-theme="dark"' in ada.text
    (user,) = rows(app, User)
    assert (user.name, user.locale, user.timezone) == ("Ada L", "fr", "Asia/Tokyo")
    for wrong in ({"name": ""}, {"theme": "pink"}, {"timezone": "Mars"}):
        ada.post("/settings/profile", {"name": "A", "locale": "", "timezone": "", "theme": "auto", **wrong}, 422)
        assert "field-error" in ada.text


def test_another_password_signs_other_browsers_out(app: Any, ada: Browser) -> None:
    other = Browser(app)
    other.sign_in()
    ada.post("/settings/profile/password", {"current_password": "wrong", "password": "another password"}, 422)
    assert "This is not your password" in ada.text
    ada.post("/settings/profile/password", {"current_password": PASSWORD, "password": "short"}, 422)
    other.get("/settings/profile")
    ada.post("/settings/profile/password", {"current_password": PASSWORD, "password": "another password"})
    ada.get("/settings/profile")
    other.get("/settings/profile", 303)
    other.sign_in(status=422)
    other.sign_in(password="another password")


def test_the_settings_begin_with_the_profile(ada: Browser, bob: Browser) -> None:
    assert ada.get("/settings", 303).location == "/settings/profile"
    ada.get("/settings/profile")
    assert "/settings/outgoing" in ada.text
    bob.get("/settings/profile")
    assert "/settings/outgoing" not in bob.text


def test_the_audit_knows_from_where_a_workflow_was_changed(app: Any, ada: Browser) -> None:
    with app.app_context(), system_session(db.engine) as session:
        known = set(session.scalars(select(AuditEntry.id)))
    workflow = ada.post("/workflows/new", {"name": "Invoices"}).location
    assert "/workflows/" in workflow
    with app.app_context(), system_session(db.engine) as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.id.not_in(known))).all()
    assert [(row.action, row.ip) for row in rows] == [("workflow.created", "127.0.0.1")]
