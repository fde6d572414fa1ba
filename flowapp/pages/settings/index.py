"""The settings: one entry of the navigation; each page below it brings its own tab."""

from __future__ import annotations

from flask import Blueprint, Response

from flowapp.catalog import N_
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.nav import Nav
from flowapp.web.render import go

bp = Blueprint("settings_index", __name__)
NAV = Nav(90, N_("Settings"), "settings", "settings_index.show", "/settings")


@bp.get("/settings")
@access(Role.VIEWER)
def show() -> Response:
    """The first tab, which everybody has."""
    return go("profile.show")
