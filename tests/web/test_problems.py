"""Pages about errors: in the product's frame for members, bare for strangers; a slash too many is forgiven."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.pages.workflows.test_steps import HX, LOG, Site


@pytest.fixture
def site(app) -> Site:
    return Site(app, role="viewer", steps=[LOG])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/nothing/", 404),
        ("/settings/tokens/nothing", 404),
        ("/f/nothing", 404),
        ("/workflows/new", 403),
        ("/logout", 405),
    ],
)
def test_a_member_keeps_the_menu(site: Site, path: str, status: int) -> None:
    answer = site.client.get(path)
    assert answer.status_code == status
    assert "sidebar-nav" in answer.text
    assert "Acme" in answer.text
    stranger = site.app.test_client().get("/nothing", follow_redirects=True)
    assert "sidebar-nav" not in stranger.text


def test_somebody_who_is_no_member_any_more_gets_the_bare_page(site: Site) -> None:
    from flowapp.extensions import db
    from flowapp.models import Member
    from flowapp.models.tenancy import system_session

    with site.app.app_context(), system_session(db.engine) as session:
        session.query(Member).delete()
        session.commit()
    answer = site.client.get("/nothing")
    assert answer.status_code == 404
    assert "sidebar-nav" not in answer.text


def test_a_slash_too_many_leads_to_the_page(site: Site) -> None:
    answer = site.client.get("/workflows/?q=a+b&q=c")
    assert (answer.status_code, answer.location) == (308, "/workflows?q=a+b&q=c")
    answer = site.client.get(site.url("/steps/"))
    assert (answer.status_code, answer.location) == (308, site.url("/steps"))
    assert site.client.post("/workflows/").status_code == 404
    assert site.client.get("/workflows/", headers={"Accept": "application/json"}).status_code == 308


@pytest.mark.parametrize(
    "query", ["_external=1&_scheme=ftp", "_anchor=x", "endpoint=x", "_method=POST&self=1", "q=%0d%0aX:%20y"]
)
def test_a_query_is_part_of_the_address_and_says_nothing_else(site: Site, query: str) -> None:
    """Names that mean something to the maker of addresses gave a 500, or another scheme."""
    answer = site.client.get(f"/workflows/?{query}")
    assert (answer.status_code, answer.location.partition("?")[0]) == (308, "/workflows")
    assert parse_qsl(urlsplit(answer.location).query) == parse_qsl(query)


@pytest.mark.parametrize("path", ["//workflows/", "//example.com/", "/nothing//", "/api/nothing/"])
def test_no_address_leads_out_of_the_application(site: Site, path: str) -> None:
    answer = site.client.get("/", headers=HX, environ_overrides={"PATH_INFO": path})
    assert answer.status_code in (308, 404)
    assert (answer.location or "/").startswith("/")
    assert not (answer.location or "/").startswith("//")
